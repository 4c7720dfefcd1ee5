"""Tests of bytes becoming entries."""
