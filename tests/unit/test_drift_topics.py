"""Topics: learned, named, kept, and new ones found."""

import numpy as np
import pytest

from spanglass_detectors.drift.topics import NONE, Topics, assigned, learn_topics, new_topic

DIMENSIONS = 48
WORDS = {
    "delivery": "where is my parcel and when does delivery come",
    "refund": "please send the money back as a refund for this",
    "size": "does the jacket fit and which size is mine",
    "invoice": "the invoice lacks our tax number on paper",
}
PLACES = dict(zip(WORDS, np.random.default_rng(1).normal(size=(4, DIMENSIONS)), strict=True))


def texts_of(counts: dict[str, int], seed: int) -> tuple[np.ndarray, list[str]]:
    r = np.random.default_rng(seed)
    names = [name for name, count in counts.items() for _ in range(count)]
    r.shuffle(names)
    rows = np.array([PLACES[name] + 0.4 * r.normal(size=DIMENSIONS) for name in names])
    texts = [f"{WORDS[name]} number {n}" for n, name in enumerate(names)]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), texts


@pytest.fixture(scope="module")
def learned() -> Topics:
    found = learn_topics(*texts_of({"delivery": 200, "refund": 120, "size": 80}, 2))
    assert found is not None
    return found


def test_topics_are_found_and_named_by_their_words(learned: Topics) -> None:
    assert len(learned.topics) == 3
    said = {name: WORDS[name].split() for name in ("delivery", "refund", "size")}
    for topic, (_, words) in zip(learned.topics, said.items(), strict=True):
        # The largest first, each by words of its own.
        assert topic.terms
        assert set(topic.terms) <= set(words)
    assert len(set(learned.names)) == 3


def test_a_share_that_doubles_is_seen(learned: Topics) -> None:
    vectors, texts = texts_of({"delivery": 100, "refund": 60, "size": 80}, 3)
    names, distances = assigned(learned, vectors)
    assert len(names) == len(texts) == len(distances)
    counts = [names.count(name) for name in learned.names]
    assert counts == pytest.approx([100, 60, 80], abs=6)
    assert names.count(NONE) <= 12


def test_what_is_new_is_found_and_what_is_not_is_none(learned: Topics) -> None:
    mixed = texts_of({"delivery": 100, "refund": 60, "invoice": 30}, 4)
    names, _ = assigned(learned, mixed[0])
    assert names.count(NONE) >= 28
    topic = new_topic(learned, *mixed)
    assert topic is not None
    assert set(topic.terms) <= set(WORDS["invoice"].split())
    after = Topics((*learned.topics, topic), learned.limit)
    assert assigned(after, mixed[0])[0].count(topic.name) >= 28
    assert new_topic(after, *mixed) is None
    assert new_topic(learned, *texts_of({"delivery": 100, "refund": 60, "size": 40}, 5)) is None
    # Many that are of no topic, and nothing alike.
    r = np.random.default_rng(6)
    noise = r.normal(size=(60, DIMENSIONS)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert new_topic(learned, noise, [f"words {n}" for n in range(60)]) is None


def test_names_stay_from_one_reference_to_the_next(learned: Topics) -> None:
    again = learn_topics(
        *texts_of({"delivery": 60, "refund": 200, "invoice": 120}, 7), before=learned
    )
    assert again is not None
    kept = set(again.names) & set(learned.names)
    assert len(kept) == 2
    assert learned.names[2] not in again.names
    (new,) = set(again.names) - kept
    assert set(new.split(", ")) <= set(WORDS["invoice"].split())


def test_the_same_texts_give_the_same_topics(learned: Topics) -> None:
    again = learn_topics(*texts_of({"delivery": 200, "refund": 120, "size": 80}, 2))
    assert again is not None
    assert again.names == learned.names
    assert again.limit == learned.limit


def test_little_and_odd_input(learned: Topics) -> None:
    assert learn_topics(np.zeros((0, 4), np.float32), []) is None
    assert learn_topics(np.zeros((500, 4), np.float32), [""] * 500) is None
    with pytest.raises(ValueError, match="1 vectors do not fit 2 texts"):
        learn_topics(np.zeros((1, 4), np.float32), ["a", "b"])
    same = np.tile(np.eye(1, DIMENSIONS, dtype=np.float32), (200, 1))
    alone = learn_topics(same, ["one thing"] * 200)
    assert alone is not None
    assert alone.names == ["everything"]
    empty, distances = assigned(learned, np.zeros((1, DIMENSIONS), np.float32))
    assert empty == [""]
    assert np.isnan(distances[0])
    assert assigned(learned, np.zeros((0, DIMENSIONS), np.float32))[0] == []
