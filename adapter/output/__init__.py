"""Findings as JSON, text, FHIR resources and cards: the only place that words them."""
