"""What is said of answers: refusal, form, language, relevance, groundedness."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass_collector.jobs.config import read_jobs
from spanglass_collector.jobs.registry import load
from spanglass_detectors import Score, Span
from spanglass_detectors.embedding.minilm import MiniLm
from spanglass_detectors.embedding.table import StaticTable
from spanglass_detectors.embedding.wordpiece import WordPieces
from spanglass_detectors.quality.detector import QualityDetector
from spanglass_detectors.quality.groundedness import groundedness
from spanglass_detectors.quality.grounding import GroundingDetector
from spanglass_detectors.quality.readability import readability
from spanglass_detectors.quality.reference import NAMES as REFERENCE_NAMES
from spanglass_detectors.quality.reference import ROUGE, reference_scores
from spanglass_detectors.quality.refusal import refusal
from spanglass_detectors.quality.repetition import repetition
from spanglass_detectors.quality.truncation import truncation
from spanglass_detectors.safety.detector import SafetyDetector
from spanglass_detectors.text.exchange import exchange_of
from spanglass_detectors.text.language import are_different, language
from spanglass_detectors.text.sentences import numbers, sentences, stems
from support.labelled.answers import LANGUAGES, answers
from support.labelled.grounded import claims

CONTEXT = (
    "You are the assistant of a shop. Answer from the documents.\n\nDocuments:\n\n"
    "## Returns\nUnused items can be returned within 60 days. Returns by post cost 4.90 EUR.\n\n"
    "## Ropes\nClimbing ropes cannot be returned for safety reasons."
)


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


_safety = SafetyDetector()


def chat(question: str, answer: str, *, system: str = CONTEXT, **more: Any) -> Span:
    return Span(
        operation="chat",
        input=json.dumps([message("system", system), message("user", question)]),
        output=json.dumps([message("assistant", answer)]),
        **more,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="module")
def table(cache: Path) -> StaticTable:
    return StaticTable(cache)


@pytest.fixture(scope="module")
def grounding(cache: Path) -> GroundingDetector:
    return GroundingDetector(str(cache))


def named(results: Any) -> dict[str, Score]:
    return {each.name: each for each in results}


# -- text ---------------------------------------------------------------------------------------


def test_sentences_and_numbers() -> None:
    text = "Ask Dr. Marsh! It is 4.90 EUR, e.g. by post.\n- One item\n你好。再见。"
    assert sentences(text) == [
        "Ask Dr. Marsh!", "It is 4.90 EUR, e.g. by post.", "- One item", "你好。", "再见。",
    ]  # fmt: skip
    assert numbers("1,200.50 or 1.200,50; 10,000, two, 4.90") == {"1200.5", "10000", "2", "4.9"}
    assert stems("returned returning") == ["return", "return"]


def test_what_an_exchange_holds() -> None:
    span = Span(
        operation="chat",
        input=json.dumps(
            [
                message("system", CONTEXT),
                message("user", "old"),
                message("assistant", "older answer"),
                message("user", "Context: the tent weighs 2 kg.\n\nQuestion: How heavy is it?"),
                {"role": "tool", "parts": [{"type": "tool_call_response", "response": {"kg": 2}}]},
            ]
        ),
        output=json.dumps(
            [{"role": "assistant", "parts": [
                {"type": "text", "content": "Two kilograms."},
                {"type": "tool_call", "name": "weigh", "arguments": {"what": "tent"}},
            ]}]
        ),
    )  # fmt: skip
    found = exchange_of(span)
    assert found.question == "How heavy is it?"
    assert found.instructions.startswith("You are the assistant")
    assert "Returns" not in found.instructions
    roles = [(each.role, each.text[:20]) for each in found.context]
    assert ("document", "the tent weighs 2 kg") in roles
    assert ("tool", '{"kg": 2}') in roles
    assert found.answer == "Two kilograms."
    assert [(call.name, call.arguments) for call in found.tool_calls] == [
        ("weigh", {"what": "tent"})
    ]
    plain = exchange_of(Span(operation="chat", input="Why?", output="Because."))
    assert (plain.question, plain.answer, plain.has_context) == ("Why?", "Because.", False)


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_languages(code: str) -> None:
    for text in LANGUAGES[code]:
        assert language(text)[0] == code
    other = LANGUAGES["de" if code != "de" else "es"][0]
    assert are_different(LANGUAGES[code][0], other)
    assert not are_different(*LANGUAGES[code])


def test_no_language_of_code_and_numbers() -> None:
    for text in ("", "1234 5678 9012", "{'a': [1, 2]}", "ok", "A" * 500):
        assert language(text) == ("", 0.0)


# -- form ---------------------------------------------------------------------------------------


def test_refusals_are_told_from_answers() -> None:
    right = {"answers": 0, "refuses": 0, "does_not_know": 0}
    for each in answers(3, 300):
        found = refusal(each.text)
        kind = (
            "refuses" if found.is_refusal else "does_not_know" if found.is_no_answer else "answers"
        )
        right[each.kind] += kind == each.kind
    assert right["answers"] >= 98
    assert right["refuses"] >= 70
    assert right["does_not_know"] >= 70


def test_repetition() -> None:
    loop = repetition("I will check that for you now. " * 12)
    assert loop is not None
    assert loop.share > 0.8
    assert loop.times >= 11
    prose = repetition(CONTEXT)
    assert prose is not None
    assert prose.share < 0.1
    assert repetition("Too short to say.") is None


@pytest.mark.parametrize(
    ("answer", "reasons", "value"),
    [
        ("It is", ["length"], 1.0),
        ("It is whole.", ["stop"], 0.0),
        ("It is whole", ["stop"], 0.0),
        ("```python\nprint(1)", [], 0.7),
        ("word " * 40 + "and the", [], 0.7),
        ("word " * 40 + "end.", [], 0.0),
        ("- one\n- two\n" * 10, [], 0.0),
        ("", [], None),
    ],
)
def test_truncation(answer: str, reasons: list[str], value: float | None) -> None:
    found = truncation(answer, reasons)
    assert (found.value if found else None) == value


def test_readability_by_hand() -> None:
    # 40 words in 4 sentences, one syllable each: 206.835 - 1.015 * 10 - 84.6.
    found = readability("The cat sat on the mat with its big hat. " * 4, "en")
    assert found is not None
    assert found.words == 40
    assert found.ease == pytest.approx(206.835 - 1.015 * 10 - 84.6)
    assert readability("word " * 100, "xx") is None


SCHEMA = {
    "type": "object", "required": ["total"],
    "properties": {"total": {"type": "integer"}}, "additionalProperties": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "label", "said"),
    [
        ('{"total": 3}', "", ""),
        ('{"total": "3"}', "schema", "total: '3' is not of type"),
        ("{}", "schema", "'total' is a required property"),
        ('{"total": ', "cut_off", "Expecting value"),
        ("Three.", "not_json", "Expecting value"),
    ],
)
def test_answers_of_a_json_schema(answer: str, label: str, said: str) -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    span = chat("q", answer, attributes={"response_format": json.dumps(asked)})
    score = named(QualityDetector().judge(span))["format_validity"]
    assert (score.value, score.label) == (float(not label), label)
    assert said in score.explanation
    assert "format_validity" not in named(QualityDetector().judge(chat("q", answer)))


@pytest.mark.parametrize(
    ("name", "arguments", "label"),
    [
        ("count", {"total": 1}, ""),
        ("count", '{"total": 1}', ""),
        ("count", '{"total": ', "not_json"),
        ("count", {"total": "many"}, "schema"),
        ("guess", {}, "unknown_tool"),
    ],
)
def test_tool_calls(name: str, arguments: Any, label: str) -> None:
    tools = [{"type": "function", "name": "count", "parameters": SCHEMA}]
    call = {"type": "tool_call", "name": name, "arguments": arguments}
    span = Span(
        operation="chat", input="q", output=json.dumps([{"role": "assistant", "parts": [call]}]),
        payload_attributes={"gen_ai.tool.definitions": json.dumps(tools)},
    )  # fmt: skip
    score = named(QualityDetector().judge(span))["tool_call_validity"]
    assert (score.value, score.label) == (float(not label), label)


def test_a_schema_fetches_nothing() -> None:
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    asked = {"json_schema": {"schema": schema}}
    span = chat("q", "{}", attributes={"response_format": json.dumps(asked)})
    score = named(QualityDetector().judge(span))["format_validity"]
    assert score.value == 1.0
    assert "can't be applied" in score.explanation


def test_what_the_provider_says_counts() -> None:
    filtered = chat("q", "Half an", finish_reasons=["content_filter"])
    assert named(QualityDetector().judge(filtered))["refusal"].label == "filtered"
    other = chat(
        "Wo ist mein Paket, das ich gestern bestellt habe?", "Your parcel arrives tomorrow."
    )
    assert named(QualityDetector().judge(other))["language_mismatch"].value == 1.0
    failed = Span(operation="chat", input="q", status="error")
    assert not list(QualityDetector().judge(failed))


# -- vectors ------------------------------------------------------------------------------------


def test_word_pieces() -> None:
    # As the package `tokenizers` gives them for all-MiniLM-L6-v2.
    for text, ids in (
        (
            "Hello, Wörld! unaffable 你好 x_y",
            [7592, 1010, 2088, 999, 14477, 20961, 3468, 100, 100, 1060, 1035, 1061],
        ),
        (
            "don't stop—now… naïve café",
            [2123, 1005, 1056, 2644, 1517, 2085, 1529, 15743, 7668],
        ),
    ):
        assert WordPieces().ids(text) == ids
    assert WordPieces().ids("x" * 101) == [100]


def test_static_vectors_follow_the_model(table: StaticTable) -> None:
    pairs = [
        ("How do I return a jacket?", "You can send unused items back."),
        ("How do I return a jacket?", "The stores are open on Saturday."),
        ("The cat sat on the mat", "A kitten rested on the rug"),
        ("The stock market fell", "Shares dropped sharply today"),
        ("He plays guitar", "She is cooking dinner"),
        ("Doctors treat patients", "Cars need petrol"),
        ("What is the capital of France?", "Paris is the capital of France."),
        ("What is the capital of France?", "Bananas are rich in potassium."),
    ]
    flat = [text for pair in pairs for text in pair]

    def cosines(vectors: np.ndarray) -> np.ndarray:
        return (vectors[::2] * vectors[1::2]).sum(axis=1)

    ours, theirs = cosines(table.embed(flat)), cosines(MiniLm().embed(flat))
    ranks = [np.argsort(np.argsort(each)) for each in (ours, theirs)]
    assert np.corrcoef(*ranks)[0, 1] > 0.7


def test_vectors_are_kept_on_the_disk(table: StaticTable, cache: Path) -> None:
    known = table.pieces_known
    before = table.embed(["a wonderful zephyr"])
    assert table.pieces_known > known or known > 500
    (file,) = cache.iterdir()
    # What a process left half written is not read, and written over.
    with file.open("ab") as opened:
        opened.write(b"torn")
    again = StaticTable(cache)
    assert again.pieces_known == table.pieces_known
    assert (again.embed(["a wonderful zephyr"]) == before).all()
    again.embed(["serendipitous marmalade"])
    assert StaticTable(cache).pieces_known == again.pieces_known
    assert not table.embed([""]).any()


# -- relevance and groundedness -------------------------------------------------------------------


def auc(right: list[float], wrong: list[float]) -> float:
    wins = sum((a > b) + 0.5 * (a == b) for a in right for b in wrong)
    return wins / len(right) / len(wrong)


def test_edited_claims_have_less_support(table: StaticTable) -> None:
    values: dict[str, list[float]] = {}
    for each in claims(5, 240):
        supports = groundedness(table, each.claim, [(each.context, "document")])
        values.setdefault(each.kind, []).extend(support.value for support in supports)
    right = values.pop("supported")
    for kind, least in (("number", 0.9), ("entity", 0.8), ("negation", 0.85), ("invented", 0.95)):
        assert auc(right, values[kind]) > least, kind


def test_the_evidence_of_what_is_not_grounded(grounding: GroundingDetector) -> None:
    span = chat(
        "How long can I return things?",
        "Unused items can be returned within 90 days. Climbing ropes can be returned. "
        "Returns by post cost 4.90 EUR. Let me know if you need more.",
    )
    score = named(grounding.judge(span))["groundedness"]
    assert score.label == "ungrounded"
    assert score.metadata == {"sentences": "3", "ungrounded": "2"}
    assert "within 90 days" in score.explanation
    assert "nothing like it says 90" in score.explanation
    assert "returned within 60 days" in score.explanation
    assert "one of the two says not" in score.explanation
    good = chat("How long?", "You can return unused items within 60 days.")
    assert named(grounding.judge(good))["groundedness"].label == ""


def test_relevance(grounding: GroundingDetector) -> None:
    question = "What does it cost to return a jacket by post?"
    on = named(grounding.judge(chat(question, "Returning a jacket by post costs 4.90 EUR.")))
    off = named(grounding.judge(chat(question, "The mountain hut serves soup until nine.")))
    assert on["relevance"].value > 0.5 > off["relevance"].value  # type: ignore[operator]
    assert on["context_relevance"].metadata["documents"] == "2"
    declined = named(grounding.judge(chat(question, "I don't have any information about that.")))
    assert not {"relevance", "groundedness"} & set(declined)
    documents = json.dumps([
        {"id": "a", "content": "Opening hours of the stores are nine to six."},
        {"id": "b", "content": "What returning a jacket by post costs."},
    ])  # fmt: skip
    found = named(grounding.judge(Span(operation="retrieval", input=question, output=documents)))
    assert found["document_relevance"].metadata["best"] == "2"


# -- all ------------------------------------------------------------------------------------------


def test_they_are_on_by_default() -> None:
    jobs = read_jobs({})
    assert {name for name, job in jobs.items() if job.enabled} >= {"quality", "safety", "grounding"}
    assert not read_jobs({"quality": {"enabled": False}})["quality"].enabled


def test_scores_are_chosen(cache: Path) -> None:
    span = chat("q", "I can't help with that.")
    assert set(named(QualityDetector(["refusal"]).judge(span))) == {"refusal"}
    for name in ("quality", "safety", "grounding"):
        with pytest.raises(Exception, match=r"no scores: \['x'\]"):
            load(name, {"scores": ["x"]})


WEIRD = (
    "", " ", "\x00\x01\x02", "x" * 100_000, "🙂" * 5_000, "שלום עולם " * 500, "{" * 5_000,
    '{"a": ', "[1, 2", "data:image/png;base64," + "iVBORw0KGgo" * 20_000, "word " * 20_000,
    "SELECT * FROM t;\n" * 500, "\ud800".encode("utf-8", "replace").decode(), "a\u0301" * 3_000,
    ".,;:!?" * 5_000, "0" * 20_000, "1.1.1.1," * 5_000, "((((" * 5_000, "don't " * 5_000,
)  # fmt: skip


@pytest.mark.parametrize("text", WEIRD, ids=range(len(WEIRD)))
def test_odd_texts(text: str, grounding: GroundingDetector) -> None:
    for span in (
        Span(operation="chat", input=text, output=text),
        chat(text, text, system=f"Context:\n{text}\n\n{CONTEXT}"),
        Span(operation="retrieval", input=text, output=text),
    ):
        for detector in (QualityDetector(), SafetyDetector(), grounding):
            for score in detector.judge(span):
                assert len(score.explanation) <= 10_000
                assert score.name == "readability" or score.value is None or 0 <= score.value <= 1


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text(one: str, other: str) -> None:
    for span in (chat(one, other), Span(operation="chat", input=one, output=other)):
        for detector in (QualityDetector(), _safety):
            assert all(each.name for each in detector.judge(span))


# -- beside a reference ---------------------------------------------------------------------------


def test_matches() -> None:
    scores = reference_scores("The Cat, sat!", "cat sat")
    assert (scores["exact_match"], scores["normalized_match"]) == (0, 1)
    assert reference_scores("", "")["exact_match"] == 1


@pytest.mark.parametrize("seed", range(40))
def test_as_the_reference_packages_say(seed: int) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="rouge-score is not installed")
    import sacrebleu

    one, other = claims(seed, 12)[0], claims(seed + 1, 12)[3]
    answer = (
        "" if seed == 0 else f"{one.claim} {other.context}\n{'déjà-vu 2.5' if seed % 3 else ''}"
    )
    found = reference_scores(answer, one.context)
    theirs = scorer.RougeScorer(list(ROUGE)).score(one.context, answer)
    for name in ROUGE:
        assert found[name] == pytest.approx(theirs[name].fmeasure, abs=1e-9), name
    bleu = sacrebleu.sentence_bleu(answer, [one.context], use_effective_order=True)
    assert found["bleu"] == pytest.approx(bleu.score / 100)
    assert found["chrf"] == pytest.approx(
        sacrebleu.sentence_chrf(answer, [one.context]).score / 100
    )


def test_only_spans_with_a_reference() -> None:
    span = chat("q", "Sixty days.", payload_attributes={"spanglass.reference": "Sixty days."})
    found = named(QualityDetector().judge(span))
    assert {name: found[name].value for name in REFERENCE_NAMES} == dict.fromkeys(
        REFERENCE_NAMES, 1.0
    )
    assert not set(REFERENCE_NAMES) & set(named(QualityDetector().judge(chat("q", "Sixty days."))))


# -- several answers -----------------------------------------------------------------------------


def _choices(*answers: str) -> Span:
    messages = [
        {"role": "assistant", "parts": [{"type": "text", "content": each}]} for each in answers
    ]
    return Span(operation="chat", input="How long?", output=json.dumps(messages))


@pytest.mark.parametrize(
    ("answers", "value", "why"),
    [
        (("You can return it within 60 days.", "Within 60 days you can return it."), 1, ""),
        (("You can return it within 60 days.", "You can return it within 30 days."), 0, "numbers"),
        (("You can return a sofa here.", "You cannot return a sofa here."), 0, "denial"),
        (("Paris.", "paris", "Lyon."), 1 / 3, "content"),
    ],
)
def test_several_answers_agree_or_not(
    grounding: GroundingDetector, answers: tuple[str, ...], value: float, why: str
) -> None:
    score = named(grounding.judge(_choices(*answers)))["self_consistency"]
    assert score.value == pytest.approx(value, abs=1e-4)
    assert score.label == ("differ" if why else "")
    assert score.explanation.startswith(why)
    assert score.metadata == {"answers": str(len(answers))}


def test_one_answer_agrees_with_nobody(grounding: GroundingDetector) -> None:
    for span in (_choices("Alone."), _choices("Alone.", " "), Span(operation="chat", output="x")):
        assert "self_consistency" not in named(grounding.judge(span))
    asked = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    span = Span(operation="chat", output=json.dumps(asked))
    assert "self_consistency" not in named(grounding.judge(span)), "that is a conversation"


def test_a_retrieval_is_held_against_what_was_to_be_found(grounding: GroundingDetector) -> None:
    documents = json.dumps([{"id": "b", "content": "x"}, {"id": "a", "content": "y"}])
    known = {"spanglass.relevant_documents": '["a"]'}
    span = Span(operation="retrieval", input="q", output=documents, attributes=known)
    scores = named(grounding.judge(span))
    assert (scores["hit_rate"].value, scores["reciprocal_rank"].value) == (1, 0.5)
    unknown = Span(operation="retrieval", input="q", output=documents)
    assert "hit_rate" not in named(grounding.judge(unknown))
