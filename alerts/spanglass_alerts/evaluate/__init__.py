"""From a rule to what is measured now: SQL, and what the numbers mean."""
