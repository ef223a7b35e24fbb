"""Alerts: rules, evaluation, grouping, silences, notification, playbooks."""
