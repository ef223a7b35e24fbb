"""Incidents: alerts that belong together, who sees to them, and what was done."""
