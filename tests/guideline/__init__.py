"""Tests of the guideline room."""
