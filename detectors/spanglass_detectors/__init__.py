"""Detectors: algorithms as pure functions and small classes, without I/O and without a store."""
