"""The FHIR side of the road: bytes in and out over HTTP and from files."""
