"""A tenth of the traces, and every one that failed or was scored.

    spanglass serve &
    python examples/sampling.py

Each span that is kept says for how many it stands, so sums of `sample_weight` are counts of what
happened.
"""

import spanglass


@spanglass.observe(name="visit")
def visit(number: int) -> str:
    """A visit; some fail, and of some somebody says how they were."""
    if number % 100 == 7:
        raise LookupError("no such product")
    if number % 100 == 13:
        spanglass.feedback(thumbs="up")
    return "found"


@spanglass.observe(name="healthz")
def healthz() -> bool:
    """Nobody needs these."""
    return True


if __name__ == "__main__":
    spanglass.init(service="sampling", sample_rate=0.1, sample_rates={"healthz": 0})
    for number in range(500):
        healthz()
        try:
            visit(number)
        except LookupError:
            continue
    spanglass.flush()
    stats = spanglass.stats()
    print(f"{stats.accepted} spans kept, {stats.sampled_out} left out")
