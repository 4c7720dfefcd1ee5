"""The computable guideline: pure evaluation of a timeline at an instant under a policy."""
