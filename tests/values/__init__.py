"""Tests of uncertain values."""
