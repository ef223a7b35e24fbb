"""BERTScore: how near an answer is to its reference in meaning, token by token.

The values are those of the package bert-score, in batches and each pair once. It takes an encoder
on this machine (a folder with a model of Hugging Face's transformers): nothing is downloaded. A
score's scale depends on the encoder and the layer, so it says both; it is not the scale of
published figures, which have encoders of their own and are often rescaled by a baseline. Compare
scores of one encoder with each other.

It can't see facts: a wrong number or a "not" changes few tokens, so such an answer scores high.

Source: Zhang et al., "BERTScore: Evaluating Text Generation with BERT" (ICLR 2020).
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final

from spanglass_detectors.content import plain_text
from spanglass_detectors.detector import Detector
from spanglass_detectors.quality.reference import MOST, REFERENCE
from spanglass_detectors.results import Score
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ANSWERS, exchange_of

#: Pairs that are remembered.
_KEPT: Final = 10_000
#: Positions that an encoder keeps for its own tokens (RoBERTa counts from 2).
_RESERVED: Final = 2


@dataclass(frozen=True)
class Similarity:
    """BERTScore of a pair: each from -1 to 1, near 1 where the texts say the same.

    Attributes:
        precision: how much of the answer the reference supports.
        recall: how much of the reference the answer has.
        f1: the harmonic mean of both.
    """

    precision: float
    recall: float
    f1: float


class BertScorer:
    """Compares answers with references by an encoder.

    Args:
        model: folder of the encoder.
        layer: whose vectors are compared, from 1; the last one where 0.
        batch: pairs that are encoded at once.
        threads: of torch.

    Raises:
        ValueError: if there is no encoder at the path, or it has no such layer.
        ModuleNotFoundError: if bert-score or torch is not installed; the message says how.
    """

    def __init__(self, model: str, layer: int = 0, batch: int = 64, threads: int = 1) -> None:
        folder = Path(model).expanduser()
        if not (folder / "config.json").is_file():
            raise ValueError(
                f"There is no model at {model}: give the folder of an encoder, one that has"
                " config.json, on this machine. Nothing is downloaded."
            )
        # Somebody's model hub is not asked, whatever the folder's files say.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            torch: Any = import_module("torch")
            package: Any = import_module("bert_score")
            transformers: Any = import_module("transformers")
        except ModuleNotFoundError as missing:
            raise ModuleNotFoundError(
                f"{missing.name} is not installed: pip install 'spanglass[quality]'"
            ) from missing
        torch.set_num_threads(threads)
        config = transformers.AutoConfig.from_pretrained(folder)
        layers = int(config.num_hidden_layers)
        if not 0 <= layer <= layers:
            raise ValueError(f"The model at {model} has layers 1 to {layers}, not {layer}.")
        self.layer = layer or layers
        self.model = folder.name
        self._batch = batch
        self._scorer = package.BERTScorer(
            model_type=str(folder), num_layers=self.layer, batch_size=batch, device="cpu",
            rescale_with_baseline=False,
        )  # fmt: skip
        # Without it a text that is longer than the encoder's window would be an error.
        tokenizer = self._scorer._tokenizer
        window = int(config.max_position_embeddings) - _RESERVED
        tokenizer.model_max_length = min(tokenizer.model_max_length, window)
        self._known: OrderedDict[bytes, Similarity] = OrderedDict()

    def similarities(self, pairs: Sequence[tuple[str, str]]) -> list[Similarity]:
        """How near each answer is to its reference.

        Args:
            pairs: answer and reference, neither of them blank.
        """
        keys = [_key(*pair) for pair in pairs]
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        found = {key: self._known[key] for key in keys if key in self._known}
        if new:
            answers, references = zip(*new.values(), strict=True)
            parts = self._scorer.score(list(answers), list(references), batch_size=self._batch)
            for key, values in zip(
                new, zip(*(each.tolist() for each in parts), strict=True), strict=True
            ):
                found[key] = self._known[key] = Similarity(*values)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return [found[key] for key in keys]


class BertScoreDetector(Detector):
    """Scores answers that have a reference by BERTScore: `bertscore_f1`.

    Args:
        model: folder of the encoder.
        layer: whose vectors are compared; the last one where 0.
        threads: of torch.

    Raises:
        ValueError: if there is no encoder at the path, or it has no such layer.
    """

    version = "1"
    operations: Sequence[str] = ANSWERS
    columns: Sequence[str] = ("input", "output", "payload_attributes")
    batch = 32
    description: ClassVar[str] = "BERTScore beside a reference, by an encoder on this machine"
    names: ClassVar[tuple[str, ...]] = ("bertscore_f1",)

    def __init__(self, model: str, layer: int = 0, threads: int = 1) -> None:
        self._scorer = BertScorer(model, layer, self.batch, threads)

    def judge(self, span: Span) -> Iterable[Score]:
        return self.judge_batch([span])[0]

    def judge_batch(self, spans: Sequence[Span]) -> Sequence[Iterable[Score]]:
        texts = [_texts(span) for span in spans]
        pairs = [pair for pair in texts if pair is not None]
        found = iter(self._scorer.similarities(pairs)) if pairs else iter(())
        return [[] if pair is None else [self._score(next(found))] for pair in texts]

    def _score(self, found: Similarity) -> Score:
        about = {
            "precision": f"{found.precision:.4f}",
            "recall": f"{found.recall:.4f}",
            "model": self._scorer.model,
            "layer": str(self._scorer.layer),
        }
        return Score("bertscore_f1", round(found.f1, 6), metadata=about)


def _texts(span: Span) -> tuple[str, str] | None:
    reference = plain_text(span.payload_attributes.get(REFERENCE, ""))[:MOST]
    answer = exchange_of(span).answer[:MOST]
    return (answer, reference) if answer.strip() and reference.strip() else None


def _key(answer: str, reference: str) -> bytes:
    parts = (answer.encode("utf-8", "replace"), reference.encode("utf-8", "replace"))
    digest = hashlib.blake2b(len(parts[0]).to_bytes(8, "big"), digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()
