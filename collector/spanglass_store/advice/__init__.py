"""What would cost less: what the methods of `spanglass_detectors.savings` need, from the store.

Sums are made in ClickHouse, day by day; what comes back is bounded, by samples of whole keys where
there is too much. docs/savings.md has the methods.
"""
