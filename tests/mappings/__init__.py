"""Tests of the mapping tables."""
