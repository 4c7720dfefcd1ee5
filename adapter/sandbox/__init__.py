"""Sandbox: synthetic patients and a small FHIR R4 server, for the demo, for rehearsal and for tests."""
