"""Tests of the room fhir."""
