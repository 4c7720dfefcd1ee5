"""A client of the CDS Hooks service, written from the specification alone, against the service as a real process."""
