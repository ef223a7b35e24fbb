"""Drift in the store: what is watched, hourly samples of it, and what was found.

metrics.py   what is watched, as SQL
conversations.py   what users do: questions asked again, conversations given up
samples.py   hourly samples: made from spans, read as cells
ad_hoc.py    two windows of anything that a user names
slices.py    parts of the traffic, and series over time, for explanations
results.py   the table `drift_results`
"""
