"""Statistics of human review: which answers to look at, and what the labels say of all of them.

estimate.py     the true rate from a sample, with its interval
centers.py      texts that are unlike each other
calibration.py  what a judge's score is worth, from labelled examples
"""
