"""Quality and safety: how fast spans are judged on one core, and how well."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.report import Report
from spanglass_detectors import Detector, Span
from spanglass_detectors.embedding.minilm import MiniLm
from spanglass_detectors.embedding.table import StaticTable
from spanglass_detectors.quality.bertscore import BertScoreDetector, BertScorer
from spanglass_detectors.quality.detector import QualityDetector
from spanglass_detectors.quality.groundedness import GROUNDED, groundedness
from spanglass_detectors.quality.grounding import GroundingDetector
from spanglass_detectors.quality.reference import ROUGE, reference_scores
from spanglass_detectors.quality.refusal import refusal
from spanglass_detectors.safety.detector import SafetyDetector
from spanglass_detectors.safety.injection import ATTACK, InjectionFinder
from spanglass_detectors.safety.toxicity import TOXIC, toxicity
from spanglass_detectors.text.language import language
from support.encoder import make_encoder
from support.labelled.answers import LANGUAGES, answers
from support.labelled.attacks import prompts
from support.labelled.grounded import claims
from support.labelled.rude import remarks
from support.pii_accuracy import wilson

#: Characters of a text in the comparison of vectors.
_LONG = 500


def run(report: Report, work: Path, *, texts: int) -> None:
    """Prints speed and accuracy.

    Args:
        report: where to.
        work: where vectors of words are kept.
        texts: how many spans are judged, and texts made vectors of.
    """
    folder = work / "vectors"
    table = StaticTable(folder)
    _speed(report, folder, min(texts, 1_000))
    _vectors(report, table, texts)
    _references(report, texts)
    _bertscore(report, work / "encoder", texts)
    _groundedness(report, table)
    _judged(report)


def _speed(report: Report, folder: Path, count: int) -> None:
    """Spans a second of each job, of questions with three paragraphs to answer from."""
    spans = [_span(n) for n in range(count)]
    seconds: dict[str, float] = {}
    jobs: tuple[tuple[str, Detector], ...] = (
        ("quality", QualityDetector()),
        ("grounding", GroundingDetector(str(folder))),
        ("safety", SafetyDetector()),
    )
    for name, detector in jobs:
        seconds[name] = _seconds(detector, spans)
    rows = [(name, f"{1 / each:,.0f}", f"{each * 1e3:.2f}") for name, each in seconds.items()]
    total = sum(seconds.values())
    report.table(
        "spans judged a second on one core",
        ("job", "spans/s", "ms of CPU a span"),
        [*rows, ("all three", f"{1 / total:,.0f}", f"{total * 1e3:.2f}")],
        f"of {len(spans[0].input) + len(spans[0].output):,} characters; aim: 100 for all three",
    )
    report.keep(quality_spans_per_s=1 / total)


def _seconds(detector: Detector, spans: Sequence[Span]) -> float:
    """CPU seconds a span, behind the first ones."""
    for span in spans[:20]:
        list(detector.judge(span))
    return _cpu(lambda span: list(detector.judge(span)), spans[20:])


def _span(seed: int) -> Span:
    chance = random.Random(seed)
    drawn = claims(seed, 6)
    context = "\n\n".join(each.context for each in drawn[:3])
    answer = " ".join(each.claim for each in drawn if each.is_supported)
    question = chance.choice(("What do you know of ", "Tell me about ")) + drawn[0].claim
    messages = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for role, text in (
            ("system", f"Answer from the documents.\n\nDocuments:\n\n{context}"),
            ("user", question), ("assistant", answer),
        )
    ]  # fmt: skip
    return Span(
        operation="chat", input=json.dumps(messages[:2]), output=json.dumps(messages[2:]),
        finish_reasons=["stop"], span_id=str(seed),
    )  # fmt: skip


def _cpu(what: Callable[[Any], Any], items: Iterable[Any]) -> float:
    """Seconds of CPU time an item."""
    count = 0
    began = time.process_time()
    for each in items:
        what(each)
        count += 1
    return (time.process_time() - began) / count


def _vectors(report: Report, table: StaticTable, count: int) -> None:
    written = []
    for n in range(count):
        chance = random.Random(n)
        words = " ".join(each.context for each in claims(n % 50, 4)).split()
        written.append(" ".join(chance.choices(words, k=90))[:_LONG])
    table.embed(written[:100])
    fast = 1 / _cpu(table.embed, [written[100:]]) * (count - 100)
    few = written[:40]
    model = MiniLm()
    slow = 1 / _cpu(model.embed, [few]) * len(few)
    report.table(
        f"vectors of texts of {_LONG} characters, on one core",
        ("what", "texts/s"),
        [("static table", f"{fast:,.0f}"), ("MiniLM in eight bits", f"{slow:,.0f}")],
        "aim: 3,000 for the table",
    )


def _references(report: Report, count: int) -> None:
    """ROUGE beside the package that people cite."""
    from rouge_score.rouge_scorer import RougeScorer as Cited
    from rouge_score_rs import RougeScorer

    pairs = []
    for n in range(count):
        drawn = claims(n, 4)
        pairs.append((drawn[0].context, " ".join(each.claim for each in drawn) + drawn[1].context))
    names = list(ROUGE)
    cited, ours = Cited(names), RougeScorer(names)
    few = pairs[: max(20, count // 20)]
    differing = sum(
        abs(cited.score(*each)[name].fmeasure - ours.score(*each)[name].fmeasure) > 1e-9
        for each in few
        for name in names
    )
    slow = 1 / _cpu(lambda each: cited.score(*each), few)
    fast = 1 / _cpu(lambda each: ours.score(*each), pairs)
    every = 1 / _cpu(lambda each: reference_scores(each[1], each[0]), few)
    report.table(
        "pairs of answer and reference a second, on one core: ROUGE-1, -2, -L and -Lsum",
        ("what", "pairs/s", "times"),
        [
            ("rouge-score", f"{slow:,.0f}", "1"),
            ("rouge-score-rs", f"{fast:,.0f}", f"{fast / slow:,.0f}"),
            ("the job: these, BLEU, chrF and matches", f"{every:,.0f}", f"{every / slow:,.1f}"),
        ],
        f"values that differ: {differing} of {len(few) * len(names)}; aim: 50 times, none",
    )


def _bertscore(report: Report, folder: Path, count: int) -> None:
    """BERTScore pair by pair and in the job's batches: the shape of MiniLM, weights at random."""
    try:
        package: Any = import_module("bert_score")
    except ModuleNotFoundError:
        report.say("BERTScore is left out: pip install torch==2.13.0, then '.[quality]'")
        return
    layers = 6
    encoder = make_encoder(folder, layers=layers, width=384, window=512)
    pairs = [
        (" ".join(each.claim for each in claims(n, 4)), claims(n, 2)[0].context)
        for n in range(min(max(count // 10, 64), 512))
    ]
    scorer = BertScorer(str(encoder), batch=BertScoreDetector.batch)
    cited = package.BERTScorer(model_type=str(encoder), num_layers=layers, device="cpu")
    cited._tokenizer.model_max_length = 510
    few = pairs[:32]
    scorer.similarities(pairs[:1])
    alone = _cpu(lambda each: cited.score([each[0]], [each[1]]), few)
    started = time.process_time()
    found = scorer.similarities(pairs)
    together = (time.process_time() - started) / len(pairs)
    theirs = [float(cited.score([a], [b])[2][0]) for a, b in few]
    worst = max(abs(mine.f1 - each) for mine, each in zip(found, theirs, strict=False))
    report.table(
        "BERTScore, pairs a second on one core: six layers of 384",
        ("what", "pairs/s", "times"),
        [
            ("bert-score, pair by pair", f"{1 / alone:,.1f}", "1"),
            (
                f"the job, {BertScoreDetector.batch} at once",
                f"{1 / together:,.1f}",
                f"{alone / together:,.1f}",
            ),
        ],
        f"of some {len(pairs[0][0])} and {len(pairs[0][1])} characters; largest difference {worst:.1e}",
    )


def _groundedness(report: Report, table: StaticTable) -> None:
    values: dict[str, list[float]] = defaultdict(list)
    for each in claims(11, 1_600):
        for support in groundedness(table, each.claim, [(each.context, "document")]):
            values[each.kind].append(support.value)
    right = values.pop("supported")
    edited = [value for each in values.values() for value in each]
    rows = [("all edits", edited), *sorted(values.items())]
    report.table(
        "groundedness of single claims, against right ones",
        ("claim", "number", "AUROC", "said to be ungrounded"),
        [
            *((name, len(each), f"{_auc(right, each):.3f}", _share(each)) for name, each in rows),
            ("right", len(right), "", _share(right)),
        ],
        "Claims on countries and elements, from templates that were written beside the rules.",
    )


def _auc(right: Sequence[float], wrong: Sequence[float]) -> float:
    wins = sum((a > b) + 0.5 * (a == b) for a in right for b in wrong)
    return wins / len(right) / len(wrong)


def _share(values: Sequence[float]) -> str:
    return _interval(sum(each < GROUNDED for each in values), len(values))


def _interval(hits: int, count: int) -> str:
    low, high = wilson(hits, count)
    return f"{hits / count:.3f} ({low:.3f}-{high:.3f})"


def _judged(report: Report) -> None:
    finder = InjectionFinder()
    kinds: dict[tuple[str, str, bool], list[bool]] = defaultdict(list)
    for prompt in prompts(11, 1_600):
        hit = finder.find(prompt.text, is_user=prompt.is_user).value >= ATTACK
        kinds["prompt_injection", prompt.kind, prompt.is_attack].append(hit)
    for remark in remarks(11, 1_200):
        hit = toxicity(remark.text).value >= TOXIC
        kinds["toxicity", remark.kind, remark.is_toxic].append(hit)
    for answer in answers(11, 900):
        found = refusal(answer.text)
        kinds["refusal", answer.kind, answer.kind == "refuses"].append(found.is_refusal)
        is_unknown = answer.kind == "does_not_know"
        kinds["no_answer", answer.kind, is_unknown].append(found.is_no_answer)
    for code, written in LANGUAGES.items():
        for text in written:
            kinds["language", "twelve languages", True].append(language(text)[0] == code)
    whole: dict[tuple[str, str, bool], list[bool]] = defaultdict(list)
    for (name, _, is_positive), hits in kinds.items():
        whole[name, "all that are" if is_positive else "all that are not", is_positive] += hits
    rows = []
    for name in dict.fromkeys(name for name, _, _ in kinds):
        for given in (whole, kinds):
            for (of, kind, is_positive), hits in sorted(given.items(), key=lambda i: -i[0][2]):
                if of == name and (
                    given is whole or len(hits) < len(whole_of(whole, name, is_positive))
                ):
                    said = "found" if is_positive else "false alarms"
                    rows.append((name, kind, said, len(hits), _interval(sum(hits), len(hits))))
    report.table(
        "accuracy on generated texts",
        ("score", "texts", "share", "number", "(95 %)"),
        rows,
        "Texts and rules have one author: real traffic asks more. See docs/quality.md.",
    )


def whole_of(
    whole: dict[tuple[str, str, bool], list[bool]], name: str, is_positive: bool
) -> list[bool]:
    """All texts of one score."""
    return whole[name, "all that are" if is_positive else "all that are not", is_positive]
