"""Tests of resources becoming events."""
