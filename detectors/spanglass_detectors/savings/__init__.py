"""What would cost less, and how sure that is: pure functions over numbers that were measured.

Each module is one method, with its formula and source; docs/savings.md lists them.
"""
