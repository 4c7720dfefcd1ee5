"""The rules of the house, each proved by a fixture that breaks it."""
