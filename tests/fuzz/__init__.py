"""Fuzzers: inputs that nobody wrote, thought out by hypothesis and atheris."""
