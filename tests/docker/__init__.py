"""The container files, checked without a container engine."""
