"""The specification cases: what a clinician wrote, and how it becomes FHIR and a verdict."""
