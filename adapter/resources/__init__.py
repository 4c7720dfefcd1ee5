"""The typed shapes of the FHIR fields that we read, tolerant of what real records do to them."""
