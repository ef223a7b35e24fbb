"""The examples of the SDK against a receiver that shows what they sent."""

import re
from collections import Counter

from support.examples import run_example
from support.sdk_sink import attributes_of, running_sink

SCORE = "gen_ai.evaluation.result"


def test_payload_policy() -> None:
    with running_sink() as sink:
        output = run_example("examples/payload_policy.py", SPANGLASS_ENDPOINT=sink.url)
    sent = str(sink.spans())
    for secret in ("ana@example.com", "4111", "Nightjar", "0000", "business", "not recorded"):
        assert secret not in sent
    assert output.splitlines() == [
        "True",
        "{'CREDIT_CARD': 1, 'EMAIL_ADDRESS': 2}",
        "Call <PHONE_NUMBER> or write to <EMAIL_ADDRESS>",
        "write to <EMAIL_ADDRESS>, please",
    ]
    answer = attributes_of(next(span for span in sink.spans() if span.name == "answer"))
    assert answer["output.value"] == "<PROJECT> is on time, <EMAIL_ADDRESS>."


def test_sampling() -> None:
    with running_sink() as sink:
        output = run_example("examples/sampling.py", SPANGLASS_ENDPOINT=sink.url)
    found = re.fullmatch(r"(\d+) spans kept, (\d+) left out\n", output)
    assert found is not None
    kept, left = map(int, found.groups())
    assert kept + left == 1_000
    assert kept == len(sink.spans())
    assert set(sink.names()) == {"visit"}
    weights = Counter(attributes_of(span)["spanglass.sample_weight"] for span in sink.spans())
    assert weights[1.0] == 10, "5 have failed and 5 were scored"
    assert set(weights) == {1.0, 10.0}
    scored = {record.span_id for record in sink.events(SCORE)}
    assert len(scored) == 5
    assert scored <= {span.span_id for span in sink.spans()}


def test_spill_to_disk() -> None:
    with running_sink() as sink:
        output = run_example("examples/spill_to_disk.py", SPANGLASS_ENDPOINT=sink.url)
    assert output.splitlines() == [
        "run 1: 0 sent, 2 put on disk, 0 sent from disk",
        "run 2: 2 sent, 0 put on disk, 2 sent from disk",
    ]
    assert sink.names() == ["first", "first", "second", "second"]


def test_score_and_feedback() -> None:
    with running_sink() as sink:
        output = run_example("examples/score_and_feedback.py", SPANGLASS_ENDPOINT=sink.url)
    assert output.splitlines() == [
        "link: http://127.0.0.1:8400/feedback/…",
        "5 scores given",
    ]
    [span] = sink.spans()
    scores = [(record, attributes_of(record)) for record in sink.events(SCORE)]
    assert [each["gen_ai.evaluation.name"] for _, each in scores] == [
        "exact_match", "relevance", "language", "user_feedback", "task_success",
    ]  # fmt: skip
    assert {record.span_id for record, _ in scores[:4]} == {span.span_id}
    assert scores[3][1]["spanglass.correction"] == "60 days, with the receipt."
    assert scores[4][1]["session.id"] == "s-17"


def test_an_applications_own_tests() -> None:
    # Where the SDK is installed, pytest finds its plugin by itself; once is enough.
    plugin = ("-p", "spanglass.pytest_plugin", "-p", "no:spanglass")
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin)
    assert "3 passed" in run_example(*command, "examples/test_your_traces.py")
