"""Erasing what has not reached the store, and the order in which everything is erased."""
