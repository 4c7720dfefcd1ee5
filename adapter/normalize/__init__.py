"""From resources to events in our own words, each resource accounted for."""
