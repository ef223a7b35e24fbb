"""The job that watches for drift: hourly samples, comparisons, findings.

config.py   the table [drift] of the settings
keeper.py   the service's side: starts the worker when an hour is over
worker.py   the process that does one pass
run.py      what a pass is
explain.py  why something drifted
canary.py   the same questions on a schedule; canary_settings.py which
"""
