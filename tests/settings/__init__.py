"""The settings, from outside."""
