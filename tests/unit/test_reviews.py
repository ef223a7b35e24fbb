"""Review queues in the state database: who is given what, what becomes of labels."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spanglass_store.erasure.holders import HOLDERS, Scope
from spanglass_store.erasure.selection import Selection
from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.review.plan import read_plan
from spanglass_store.review.results import results
from spanglass_store.review.rubric import Rubric, read_rubric
from spanglass_store.review.scores import scores_of
from spanglass_store.state.database import Database
from spanglass_store.state.review_labels import LabelBook, said_together
from spanglass_store.state.reviews import Drawn, Layer, ReviewBook

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
RUBRIC = read_rubric([
    {"name": "right", "kind": "boolean"},
    {"name": "tone", "kind": "numeric", "low": 1, "high": 5, "required": False},
    {
        "name": "kind", "kind": "categorical", "required": False,
        "choices": [{"name": "fact", "value": 1}, {"name": "chat", "value": 0}],
    },
])  # fmt: skip
PLAN = read_plan({"parts": [{"method": "random", "count": 5}]})


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ReviewBook]:
    with contextlib.closing(Database(f"sqlite:///{tmp_path / 'state.db'}")) as database:
        yield ReviewBook(database)


def drawn(n: int, first: int = 0) -> list[Drawn]:
    return [
        Drawn(f"{i:032x}", f"{i:016x}", f"{i:016x}", (i * 7 % 100) / 100)
        for i in range(first, first + n)
    ]


def queue(book: ReviewBook, labels: int = 1, items: int = 5) -> LabelBook:
    book.save("p", "q", RUBRIC, PLAN, labels_per_item=labels, budget=20)
    book.add_draw("p", "q", START, END, [Layer("random", 50, drawn(items))])
    return LabelBook(book.database)


def test_items_come_in_random_order_once_to_each(book: ReviewBook) -> None:
    labels = queue(book)
    places = []
    for _ in range(5):
        item = labels.next("p", "q", "ann")
        assert item is not None
        places.append(item.place)
        labels.label("p", "q", item.id, "ann", {"right": True})
    assert places == sorted(places)
    assert labels.next("p", "q", "ann") is None
    assert labels.next("p", "q", "ben") is None
    assert book.progress(book.get("p", "q")) == {
        "items": 5, "open": 0, "disputed": 0, "done": 5, "labels": 5, "skipped": 0, "wanted": 5,
    }  # fmt: skip


def test_two_at_once_are_not_given_the_same(book: ReviewBook) -> None:
    labels = queue(book, items=16)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: labels.next("p", "q", f"reviewer-{n}"), range(16)))
    assert len({item.id for item in found if item}) == 16
    # All are taken; who has one is given it again.
    assert labels.next("p", "q", "late") is None
    again = labels.next("p", "q", "reviewer-3")
    assert again == found[3]


def test_skipped_items_stay_for_others(book: ReviewBook) -> None:
    labels = queue(book, items=1)
    item = labels.next("p", "q", "ann")
    assert item is not None
    labels.skip("p", "q", item.id, "ann")
    assert labels.next("p", "q", "ann") is None
    assert labels.next("p", "q", "ben") == item
    labels.withdraw("p", "q", item.id, "ann")
    with pytest.raises(StoreError, match="said nothing"):
        labels.withdraw("p", "q", item.id, "ann")
    labels.label("p", "q", item.id, "ben", {"right": False})
    with pytest.raises(Conflict, match="Others have labelled"):
        labels.label("p", "q", item.id, "ann", {"right": True})
    with pytest.raises(Conflict, match="Take the label back"):
        labels.skip("p", "q", item.id, "ben")


def test_double_labels_are_compared_and_decided(book: ReviewBook) -> None:
    labels = queue(book, labels=2)
    first, second = book.items("p", "q")[:2]
    assert labels.label("p", "q", first.id, "ann", {"right": True, "tone": 4}).state == "open"
    # Numbers a tenth of the scale apart are the same.
    assert labels.label("p", "q", first.id, "ben", {"right": True, "tone": 4.3}).state == "done"
    labels.label("p", "q", second.id, "ann", {"right": True})
    with pytest.raises(Conflict, match="Not everybody"):
        labels.decide("p", "q", second.id, "eve", {"right": True})
    assert labels.label("p", "q", second.id, "ben", {"right": False}).state == "disputed"
    assert labels.decide("p", "q", second.id, "eve", {"right": False}, "see §3").state == "done"
    with pytest.raises(Conflict, match="eve has decided"):
        labels.decide("p", "q", second.id, "mallory", {"right": True})
    _, said = labels.item("p", "q", second.id)
    of = book.get("p", "q")
    assert said_together(of, said) == {"right": False}
    assert said_together(of, labels.item("p", "q", first.id)[1]) == {"right": True, "tone": 4.15}
    final = scores_of(of, second, said[-1])[0]
    assert (final.evaluator, final.value, final.label) == ("eve", 0.0, "no")
    assert final.metadata["adjudicated"] == "true"
    assert final.score_id == scores_of(of, second, said[-1])[0].score_id
    assert len({scores_of(of, second, each)[0].score_id for each in said}) == 3
    # One takes theirs back: it needs a label again.
    assert labels.withdraw("p", "q", first.id, "ben").state == "open"


def test_labels_wait_until_their_scores_are_written(book: ReviewBook) -> None:
    labels = queue(book)
    item = book.items("p", "q")[0]
    labels.label("p", "q", item.id, "ann", {"right": True}, "c", "better")
    ((_, _, before),) = labels.unwritten()
    labels.label("p", "q", item.id, "ann", {"right": False})
    labels.mark_written([before])  # Of what was said before: the new one still waits.
    ((_, _, after),) = labels.unwritten("p", "q")
    assert after.answers == {"right": False}
    labels.mark_written([after])
    assert labels.unwritten() == []
    labels.withdraw("p", "q", item.id, "ann")
    ((_, _, gone),) = labels.unwritten()
    assert (gone.state, gone.comment, dict(gone.answers)) == ("withdrawn", "", {})


def test_results_are_corrected_for_the_sampling(book: ReviewBook) -> None:
    book.save("p", "q", RUBRIC, PLAN, budget=20)
    book.add_draw(
        "p", "q", START, END,
        [Layer("uncertain", 4, drawn(4)), Layer("random", 40, drawn(5, 10))],
    )  # fmt: skip
    book.add_items("p", "q", drawn(2, 30))
    labels = LabelBook(book.database)
    for n, item in enumerate(book.items("p", "q")):
        labels.label(
            "p", "q", item.id, "ann",
            {"right": item.method != "uncertain", "kind": "chat" if n % 2 else "fact"},
        )  # fmt: skip
    of = book.get("p", "q")
    right, tone, kind = results(
        of, book.strata("p", "q"), book.items("p", "q"), book.labels("p", "q"), 0.05
    )
    (yes,) = right.outcomes
    assert yes.estimate is not None
    # 0 of all 4 uncertain ones, 5 of 5 of the others; what was put in by hand does not count.
    assert yes.estimate.value == pytest.approx(40 / 44)
    assert (yes.estimate.labels, yes.estimate.population) == (9, 44)
    assert right.counts == {"yes": 7, "no": 4}
    assert [each.answer for each in kind.outcomes] == ["fact", "chat"]
    assert tone.outcomes[0].estimate is None
    assert (right.doubled, right.alpha, right.same) == (0, None, None)


def test_draws_keep_to_their_windows_and_budget(book: ReviewBook) -> None:
    queue(book)
    (stratum,) = book.strata("p", "q")
    # What was put in by hand becomes part of the sample that it is drawn into.
    book.add_items("p", "q", drawn(3, 50))
    more = [Layer("random", 60, drawn(5, 50), stratum.id)]
    assert book.add_draw("p", "q", START, END, more) == 2
    assert [each.population for each in book.strata("p", "q")] == [60]
    assert sum(each.stratum is None for each in book.items("p", "q")) == 0
    with pytest.raises(Conflict, match="drawn from this time"):
        book.add_draw("p", "q", START, END, [Layer("random", 60, drawn(1, 90))])
    with pytest.raises(StoreError, match="budget is 20"):
        book.add_items("p", "q", drawn(30, 100))
    assert len(book.items("p", "q")) == 10
    with pytest.raises(Conflict, match="It was drawn"):
        book.remove_item("p", "q", book.items("p", "q")[0].id)
    book.add_items("p", "q", drawn(1, 99))
    last = book.items("p", "q")[-1]
    book.remove_item("p", "q", last.id)
    with pytest.raises(Unknown, match="no item"):
        book.remove_item("p", "q", last.id)


def test_a_rubric_with_labels_stays(book: ReviewBook) -> None:
    labels = queue(book)
    item = book.items("p", "q")[0]
    other = read_rubric([{"name": "other"}])
    book.save("p", "q", other, PLAN)
    book.save("p", "q", RUBRIC, PLAN)
    labels.label("p", "q", item.id, "ann", {"right": True})
    with pytest.raises(Conflict, match="new"):
        book.save("p", "q", other, PLAN)
    assert book.save("p", "q", RUBRIC, PLAN, "Look twice.", is_open=False).instructions
    with pytest.raises(Conflict, match="closed"):
        labels.next("p", "q", "ann")
    book.delete("p", "q")
    with pytest.raises(Unknown, match="no review queue"):
        book.get("p", "q")
    assert book.items("p", "q") == []


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({}, "right is not answered"),
        ({"right": "yes"}, "true or false"),
        ({"right": 1}, "true or false"),
        ({"right": True, "tone": 9}, "from 1 to 5"),
        ({"right": True, "tone": True}, "from 1 to 5"),
        ({"right": True, "kind": "no"}, "one of fact, chat"),
        ({"right": True, "left": 1}, "no question 'left'"),
        ({"right": None}, "right is not answered"),
    ],
)
def test_answers_that_do_not_fit_are_refused(answers: dict[str, Any], why: str) -> None:
    with pytest.raises(StoreError, match=why):
        RUBRIC.checked(answers)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "1 to 10"),
        ([{"name": "a"}, {"name": "a"}], "same name"),
        ([{"name": "1"}], "no name"),
        ([{"name": "a", "kind": "categorical"}], "2 to 20 choices"),
        ([{"name": "a", "kind": "categorical", "choices": [{"name": "x"}] * 2}], "of its own"),
        ([{"name": "a", "choices": [{"name": "x"}]}], "only a categorical"),
        ([{"name": "a", "kind": "numeric", "low": 5, "high": 1}], "smaller number"),
    ],
)
def test_rubrics_that_can_be_none_are_refused(document: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(StoreError, match=why):
        read_rubric(document)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([], "at least one"),
        ([{"method": "random", "count": 1}, {"method": "random", "ratio": 0.1}], "each method"),
        ([{"method": "random"}], "either a count or a ratio"),
        ([{"method": "novel"}], "give a count"),
        ([{"method": "uncertain", "count": 3}], "one score"),
        ([{"method": "disagreement", "count": 3}], "names of scores"),
    ],
)
def test_plans_that_can_be_none_are_refused(parts: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(StoreError, match=why):
        read_plan({"parts": parts})


def test_a_query_that_can_be_none_is_refused() -> None:
    with pytest.raises(StoreError, match="can't be read"):
        read_plan({"query": "latency:>", "parts": [{"count": 1}]})


def test_what_is_erased_is_gone_with_what_was_said_of_it(book: ReviewBook) -> None:
    labels = queue(book)
    first, second = book.items("p", "q")[:2]
    for item in (first, second):
        labels.label("p", "q", item.id, "ann", {"right": True}, "about a person")
    batch = [("p", first.trace_id), ("other", second.trace_id)]
    scope = Scope(Selection(trace_id=first.trace_id), lambda: [batch])
    with book.database.transaction() as session:
        assert HOLDERS["review items and labels (state)"](session, scope) == 2
    with book.database.transaction() as session:
        assert HOLDERS["review items and labels (state)"](session, scope) == 0
    assert first not in book.items("p", "q")
    assert [each.item for each in book.labels("p", "q")] == [second.id]


def test_a_rubric_is_the_same_read_again() -> None:
    assert read_rubric(RUBRIC.document()) == RUBRIC
    assert isinstance(RUBRIC, Rubric)
    assert read_plan(PLAN.document()) == PLAN
