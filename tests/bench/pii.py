"""Personal data: how fast it is found and taken out, beside presidio, and how well."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.data import Pool
from bench.report import Report, median
from spanglass_collector.ingest.check import Window, check_request
from spanglass_collector.stages.redact import Redaction, read_redact
from spanglass_detectors.pii.finder import Finder
from spanglass_detectors.pii.presidio import PresidioFinder
from spanglass_detectors.pii.redaction import Action, TextRedactor
from support import otlp
from support.pii_accuracy import accuracy, wilson
from support.pii_templates import unseen
from support.pii_texts import Labelled, labelled

_WORDS = (
    "the", "assistant", "answered", "a", "question", "about", "delivery", "of", "jacket", "and",
    "asked", "whether", "customer", "wanted", "anything", "else", "before", "it", "looked", "up",
)  # fmt: skip
#: Texts that presidio is tried on for its accuracy.
_FEW = 700
#: Characters of a text.
_LONG = 490
#: Through the stage, of which the median counts: one is soon over.
_PASSES = 5


def run(report: Report, *, texts: int) -> None:
    """Prints speed and accuracy.

    Args:
        report: where to.
        texts: how many texts are looked through by what is fast; presidio gets a tenth.
    """
    # No number twice, but for what is labelled: what was parsed once is remembered.
    mixed = [_padded(_varied(each, n), n) for n, each in enumerate(labelled(5, texts, share=1 / 3))]
    clean = [_padded("", n) for n in range(texts)]
    baseline, ahead, checked = PresidioFinder(prefilter=False), PresidioFinder(), Finder()
    few = max(50, texts // 10)
    rows: list[tuple[str, float, float]] = []
    for name, find, count in (
        ("presidio without a model", baseline.find, few),
        ("the same behind the prefilter", ahead.find, texts),
        ("checked patterns", checked.find, texts),
    ):
        rows.append((name, _rate(find, mixed[:count]), _rate(find, clean[:count])))
    base = rows[0]
    report.table(
        "texts a second on one core, of 490 characters",
        ("what", "a third hold something", "times", "nothing in them", "times"),
        [
            (name, f"{a:,.0f}", f"{a / base[1]:.1f}", f"{b:,.0f}", f"{b / base[2]:.0f}")
            for name, a, b in rows
        ],
        "aims: behind the prefilter 3 and 100 times, checked patterns 30 times",
    )
    differing = sum(baseline.find(each) != ahead.find(each) for each in mixed[:few])
    report.say(f"findings that differ behind the prefilter: {differing} of {few} texts")
    _redaction(report, checked, mixed)
    beside = "generated texts, their templates written beside the rules"
    _accuracy(report, checked, baseline, labelled(23, 1_500), beside)
    apart = "162 templates of somebody who had not seen the rules, each filled four times"
    _accuracy(report, checked, baseline, unseen(3, 4), apart)
    report.keep(pii={name: {"mixed": a, "clean": b} for name, a, b in rows})


def _padded(text: str, seed: int) -> str:
    chance = random.Random(seed)
    while len(text) < _LONG:
        text += " " + chance.choice(_WORDS)
    return text


def _prose(given: Labelled, seed: int) -> str:
    """Words around what is labelled, and no other numbers."""
    found = " ".join(given.text[start:end] for start, end, _ in given.labels)
    before = " ".join(random.Random(seed).choices(_WORDS, k=25))
    return _padded(f"{before} {found}", seed)


def _varied(given: Labelled, seed: int) -> str:
    """A text with other digits in what is nobody's."""
    chance = random.Random(seed)
    kept = {at for start, end, _ in given.labels for at in range(start, end)}
    return "".join(
        chance.choice("0123456789") if each.isdigit() and at not in kept else each
        for at, each in enumerate(given.text)
    )


def _rate(find: Callable[[str], Any], texts: Sequence[str]) -> float:
    find(texts[0])
    began = time.process_time()
    for text in texts:
        find(text)
    return len(texts) / (time.process_time() - began)


def _redaction(report: Report, finder: Finder, texts: Sequence[str]) -> None:
    """How much text goes through the stage, and how many spans."""
    redactor = TextRedactor(finder, (), Action.PLACEHOLDER, b"k" * 32)

    def rate(texts: Sequence[str]) -> str:
        counts: Counter[str] = Counter()
        spent = []
        for _ in range(_PASSES):
            began = time.process_time()
            for text in texts:
                redactor.redact_value(text, "input", "chat", "trace", counts)
            spent.append(time.process_time() - began)
        return f"{sum(map(len, texts)) / 1e6 / median(spent):,.1f} MB/s"

    prose = [_prose(each, n) for n, each in enumerate(labelled(5, len(texts), share=1 / 3))]
    spans = [
        otlp.span(
            f"chat {n}",
            attrs={
                "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 100, "input.value": text, "output.value": text[:200],
            },
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip
    bodies = [
        otlp.request(*spans[at : at + 100]).SerializeToString() for at in range(0, len(spans), 100)
    ]
    stage = Redaction(read_redact({"action": "placeholder"}), b"k" * 32)("default")
    rows = [
        ("text through the stage, a third hold something", rate(prose)),
        ("the same, each full of other numbers", rate(texts)),
    ]
    pool = Pool(500, bodies=20, corpus_bytes=8 << 20)
    usual = [bytes(pool.fresh(time.time_ns()).body) for _ in range(20)]
    for name, each, given in (
        ("spans of 700 characters of such text, without", None, bodies),
        ("the same, redacted", stage, bodies),
        ("spans of the other benches, without", None, usual),
        ("the same, redacted", stage, usual),
    ):
        began = time.process_time()
        kept = sum(check_request(body, Window(0), stage=each).accepted for body in given)
        rows.append((name, f"{kept / (time.process_time() - began):,.0f} spans/s"))
    report.table(
        "redaction before storage, on one core",
        ("what", "rate"),
        rows,
        "aims: 10 MB/s of text, 5,000 spans/s",
    )


def _accuracy(
    report: Report, finder: Finder, baseline: PresidioFinder, texts: Sequence[Labelled], about: str
) -> None:
    ours, theirs = accuracy(texts, finder.find), accuracy(texts[:_FEW], baseline.find)
    rows = []
    for entity, each in ours.items():
        low, high = wilson(each.hits, each.labels)
        sure_low, sure_high = wilson(each.right, each.found)
        other = theirs.get(entity)
        rows.append(
            (
                entity, each.labels, f"{each.recall:.3f} ({low:.3f}-{high:.3f})",
                f"{each.precision:.3f} ({sure_low:.3f}-{sure_high:.3f})",
                f"{other.recall:.3f}" if other else "", f"{other.precision:.3f}" if other else "",
            )
        )  # fmt: skip
    report.table(
        f"accuracy on {about}",
        ("entity", "labels", "recall (95 %)", "precision (95 %)", "presidio's", "presidio's"),
        rows,
    )
