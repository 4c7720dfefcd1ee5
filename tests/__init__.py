"""The proofs that the adapter keeps its promises."""
