"""Real servers for the tests: HAPI FHIR, the reference validator, PostgreSQL, Chromium."""
