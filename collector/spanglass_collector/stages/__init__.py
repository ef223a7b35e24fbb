"""Stages: what changes a decoded request before any of it is on disk.

redact.py   takes personal data out, where the settings say so
"""
