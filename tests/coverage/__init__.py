"""Which specification cases stand for which statement of the guideline."""
