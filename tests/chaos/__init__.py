"""Faults: killed processes, stopped servers, full disks, torn files, clocks that jump.

Each test sends spans, remembers which were acknowledged, hurts the service while it works, lets it
recover by itself and compares what is stored with what was acknowledged. `CHAOS_ROUNDS=10` does
everything ten times as often, and stops servers for ten times as long.
"""
