"""Alerts: rules, their evaluation, grouping, silences, notification and playbooks.

`rule → query → decide(previous, current, now) → group → silence, inhibit → notify → log`: each a
step of its own, the clock handed in.
"""
