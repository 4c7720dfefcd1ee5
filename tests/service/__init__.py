"""The HTTP service, from outside."""
