"""Deleting what is no longer kept."""
