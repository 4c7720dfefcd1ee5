"""The bridge between FHIR servers and the guideline for conversion therapy of hepatocellular carcinoma."""

__version__ = "0.1.0"
