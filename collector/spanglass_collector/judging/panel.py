"""Several models as one judge: what most of them say, and how much they agree.

Source: Verga et al., "Replacing Judges with Juries" (2024).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from spanglass_alerts.delivery.outgoing import Refused
from spanglass_collector.judging.asking import JudgeFailed
from spanglass_collector.judging.detector import ModelJudge
from spanglass_collector.judging.rubric import read_rubric
from spanglass_detectors.detector import Detector
from spanglass_detectors.results import Score
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ANSWERS

_FEWEST: Final = 2
_MOST: Final = 9


class JudgePanel(Detector):
    """Has several models judge each answer by one rubric.

    The label is what most of them say; where as many say another, the one that the rubric lists
    later, which is the worse one, so that no doubt is decided in the answer's favour. The value is
    the mean of what their labels are worth. A judge that gives no verdict is left out, as long as
    more than half are left.

    Args:
        rubric: a file, or the name of one that comes with Spanglass.
        judges: options of each, as of the detector `judge`, without the rubric.
        shared: options that all of them have.

    Raises:
        ValueError: if there are too few or too many, two are the same, or an option is wrong.
    """

    operations: Sequence[str] = ANSWERS
    columns: Sequence[str] = ("input", "output", "payload_attributes")
    description: ClassVar[str] = "several models that judge by one rubric: judge.<rubric>"

    def __init__(
        self,
        rubric: str,
        judges: Sequence[Mapping[str, Any]],
        **shared: Any,
    ) -> None:
        if not _FEWEST <= len(judges) <= _MOST:
            raise ValueError(f"a panel has {_FEWEST} to {_MOST} judges, not {len(judges)}")
        self._rubric = read_rubric(rubric)
        self._judges = []
        for each in judges:
            options = {**shared, **each, "rubric": rubric}
            self._judges.append((str(options.get("model", "")), ModelJudge(**options)))
        names = [(name, judge.url) for name, judge in self._judges]
        if len(set(names)) < len(names):
            raise ValueError("a judge is twice on the panel: its two votes would be one")
        mark = hashlib.blake2b(repr(sorted(names)).encode(), digest_size=4).hexdigest()
        self.version = f"{self._rubric.version}-panel-{len(names)}-{mark}"

    def judge(self, span: Span) -> Iterable[Score]:
        votes: list[tuple[str, Score]] = []
        silent: list[str] = []
        problem: Exception | None = None
        for model, judge in self._judges:
            try:
                found = list(judge.judge(span))
            except (JudgeFailed, Refused) as error:
                silent.append(model)
                problem = error
                continue
            if not found:
                return []
            votes += [(model, score) for score in found]
        if 2 * len(votes) <= len(self._judges):
            raise JudgeFailed(
                f"{len(silent)} of {len(self._judges)} judges gave no verdict; the last: {problem}"
            )
        return [self._together(votes, silent)]

    def _together(self, votes: Sequence[tuple[str, Score]], silent: Sequence[str]) -> Score:
        counts = Counter(score.label for _, score in votes)
        # From the best to the worst.
        order = list(self._rubric.labels)
        label = max(counts, key=lambda each: (counts[each], order.index(each)))
        values = [self._rubric.labels[score.label].value for _, score in votes]
        about = {
            "judges": str(len(votes)), "agreed": str(counts[label]),
            "votes": ", ".join(f"{model}: {score.label}" for model, score in votes),
            "rubric_version": self._rubric.version,
        }  # fmt: skip
        if silent:
            about["silent"] = ", ".join(silent)
        return Score(
            f"judge.{self._rubric.name}",
            round(sum(values) / len(values), 6),
            label,
            "\n".join(f"{model}, {score.label}: {score.explanation}" for model, score in votes),
            about,
            sum(score.cost_usd for _, score in votes),
        )
