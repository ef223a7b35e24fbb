"""Detectors: what judges spans. Pure functions and small classes, without store or network.

    from spanglass_detectors import Score, Span, detector

    @detector(version="1", operations=["chat"])
    def answer_length(span: Span):
        yield Score("answer_length", len(span.output_text.split()))

Where spans come from, and what becomes of the results, is the job runner's business:
docs/jobs.md.
"""

from spanglass_detectors.detector import Detector, detector
from spanglass_detectors.results import PiiFinding, Result, Score
from spanglass_detectors.span import Span

__all__ = ["Detector", "PiiFinding", "Result", "Score", "Span", "detector"]
