"""A detector of your own, in ten lines: how long answers are, and which apologise.

# spanglass.toml, beside this file
[detect.answer_length]
detector = "own_detector.py:answer_length"

spanglass serve                        # new spans are judged within seconds
spanglass detect run answer_length     # older ones, too
spanglass sql "SELECT name, avg(value) FROM scores GROUP BY name"
"""

from spanglass_detectors import Score, Span, detector


@detector(version="1", operations=["chat"])
def answer_length(span: Span):
    """Words of an answer; a label where it begins with an apology."""
    words = span.output_text.split()
    if words:
        yield Score("answer_length", len(words))
        yield Score("apology", float(words[0].lower().startswith("sorry")))
