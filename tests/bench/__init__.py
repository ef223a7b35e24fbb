"""Measurements of Spanglass beside named peers and limits: `python -m bench --help`."""
