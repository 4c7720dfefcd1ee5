"""Proof that no patient is made to look better than the record allows."""
