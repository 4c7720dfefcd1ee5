"""The HTTP service: CDS Hooks, evaluation, patients, operations."""
