"""Deleting what is no longer kept, once a day."""
