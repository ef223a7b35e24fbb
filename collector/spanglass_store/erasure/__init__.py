"""Erasing: what is asked to go, where it can be, and the proof that it is gone."""
