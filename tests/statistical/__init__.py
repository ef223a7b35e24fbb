"""Rates of error by simulation, with fixed seeds."""
