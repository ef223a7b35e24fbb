"""Answers beside a reference: the metrics that people cite, with the values that they cite.

ROUGE is rouge-score's (by rouge-score-rs, with stemming off), BLEU and chrF are sacrebleu's of a
sentence, from 0 to 1 instead of 0 to 100. They count shared words and characters: an answer that
says the same in other words scores low, and one that negates it scores high.

Sources: Lin, "ROUGE" (2004); Papineni et al., "BLEU" (2002); Popović, "chrF" (2015); Post, "A Call
for Clarity in Reporting BLEU Scores" (2018).
"""

import re
import string
import unicodedata
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

#: The attribute that holds what the answer should have been.
REFERENCE: Final = "spanglass.reference"
#: Characters of each text that are compared.
MOST: Final = 20_000
ROUGE: Final = ("rouge1", "rouge2", "rougeL", "rougeLsum")
NAMES: Final = ("exact_match", "normalized_match", *ROUGE, "bleu", "chrf")
_ARTICLES: Final = re.compile(r"\b(?:a|an|the)\b")
_SIGNS: Final = str.maketrans("", "", string.punctuation)


def reference_scores(answer: str, reference: str) -> dict[str, float]:
    """How near an answer is to its reference, by the name of each metric.

    Metrics whose package is not installed are left out.
    """
    found = {
        "exact_match": float(answer == reference),
        "normalized_match": float(normalized(answer) == normalized(reference)),
    }
    answer, reference = answer[:MOST], reference[:MOST]
    rouge = _rouge()
    if rouge is not None:
        scores = rouge.score(reference, answer)
        found |= {name: float(scores[name].fmeasure) for name in ROUGE}
    if find_spec("sacrebleu") is not None:
        bleu, chrf = _sacrebleu()
        found["bleu"] = bleu.sentence_score(answer, [reference]).score / 100
        found["chrf"] = chrf.sentence_score(answer, [reference]).score / 100
    return found


def normalized(text: str) -> str:
    """A text without case, signs, articles and spaces that do not matter (as SQuAD compares)."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_SIGNS)
    return " ".join(_ARTICLES.sub(" ", text).split())


@lru_cache(1)
def _rouge() -> Any:
    if find_spec("rouge_score_rs") is None:
        return None
    package: Any = import_module("rouge_score_rs")
    return package.RougeScorer(list(ROUGE))


@lru_cache(1)
def _sacrebleu() -> tuple[Any, Any]:
    metrics: Any = import_module("sacrebleu.metrics")
    # What a single sentence needs: without it one missing run of four words gives zero.
    return metrics.BLEU(effective_order=True), metrics.CHRF()
