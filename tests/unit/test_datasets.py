"""Datasets: versions, files, near-duplicates and splits."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spanglass_collector.cli.dataset_files import Columns, read_items
from spanglass_dashboards.api.datasets import checked, divided
from spanglass_detectors.duplicates import assigned, groups, near_duplicates
from spanglass_store.errors import Conflict, StoreError, Unknown
from spanglass_store.state.database import Database
from spanglass_store.state.dataset_tables import Item
from spanglass_store.state.datasets import DatasetBook


@pytest.fixture
def book(tmp_path: Path) -> Iterator[DatasetBook]:
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield DatasetBook(database)
    database.close()


def inputs(book: DatasetBook, version: int = 0) -> list[Any]:
    return [each.input for each in book.items("p", "d", version)]


def test_every_version_can_be_read_again(book: DatasetBook) -> None:
    first = book.change("p", "d", [Item("a", "1"), Item("b")], author="ada", message="begin")
    assert (first.version, first.added) == (1, 2)
    ids = [each.item_id for each in book.items("p", "d")]
    again = book.change("p", "d", [Item("a", "1")])
    assert (again.version, again.added, again.unchanged) == (1, 0, 1)
    # The same id is the same item, with something else to say.
    second = book.change("p", "d", [Item("b", "2", item_id=ids[1]), Item("c")])
    assert (second.version, second.added, second.changed) == (2, 1, 1)
    assert book.change("p", "d", remove=[ids[0]]).removed == 1
    assert [inputs(book, n) for n in (1, 2, 3)] == [["a", "b"], ["a", "b", "c"], ["b", "c"]]
    assert [each.expected for each in book.items("p", "d", 1)] == ["1", None]
    assert [each.expected for each in book.items("p", "d", 3)] == ["2", None]
    assert [(each.version, each.items) for each in book.versions("p", "d")] == [
        (3, 2), (2, 3), (1, 2),
    ]  # fmt: skip
    assert book.versions("p", "d")[-1].author == "ada"
    found = book.get("p", "d")
    assert (found.latest, found.items) == (3, 2)
    assert len(book.items("p", "d", limit=1)) == 1
    assert [each.input for each in book.items("p", "d", after=book.items("p", "d")[0].row)] == ["c"]
    with pytest.raises(Unknown, match="no version 9"):
        book.items("p", "d", 9)
    book.delete("p", "d")
    with pytest.raises(Unknown, match="no dataset 'd'"):
        book.get("p", "d")


def test_what_can_not_be_kept_changes_nothing(book: DatasetBook) -> None:
    book.change("p", "d", [Item("a")])
    for wrong, why in (
        (Item(""), "needs an input"),
        (Item({}), "needs an input"),
        (Item("x" * 1_000_001), "characters"),
        (Item("x", metadata={"n": float("nan")}), "JSON"),
    ):
        with pytest.raises(StoreError, match=why):
            book.change("p", "d", [Item("b"), wrong])
    with pytest.raises(Unknown, match="no item 'nope'"):
        book.change("p", "d", [Item("b")], remove=["nope"])
    with pytest.raises(Conflict, match="version 1, not 0"):
        book.change("p", "d", [Item("b")], base=0)
    assert (inputs(book), book.get("p", "d").latest) == (["a"], 1)


def test_pieces_of_an_upload_are_one_version(book: DatasetBook) -> None:
    for n in range(3):
        book.change("p", "d", [Item(f"{n}")], change="upload")
    assert book.get("p", "d").latest == 1
    assert book.versions("p", "d")[0].added == 3
    assert book.change("p", "d", [Item("x")]).version == 2


def test_changes_at_once_come_one_after_the_other(book: DatasetBook) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: book.change("p", "d", [Item(f"{n}")]), range(12)))
    assert book.get("p", "d").items == 12
    assert sorted(map(int, inputs(book))) == list(range(12))
    assert [each.items for each in book.versions("p", "d")] == list(range(12, 0, -1))


CASES = {
    "a.csv": "question,answer,topic,split\nWhy?,Because.,a,test\n",
    "b.jsonl": '{"input": {"q": 1}, "expected": [1, 2], "id": "x-1"}\n\n',
    "c.jsonl": '{"messages": [{"role": "user", "content": "Hi"},'
    ' {"role": "assistant", "content": "Hello"}]}\n',
    "d.json": '[{"prompt": "Hi", "completion": "Hello", "metadata": {"k": 1}}]',
}


@pytest.mark.parametrize("name", CASES)
def test_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(CASES[name])
    (item,) = read_items(path, Columns())
    assert (
        item
        == {
            "a.csv": Item("Why?", "Because.", {"topic": "a"}, "test"),
            "b.jsonl": Item({"q": 1}, [1, 2], item_id="x-1"),
            "c.jsonl": Item([{"role": "user", "content": "Hi"}], "Hello"),
            "d.json": Item("Hi", "Hello", {"k": 1}),
        }[name]
    )


def test_parquet_and_folders_of_hugging_face(tmp_path: Path) -> None:
    table = pa.table({"question": ["a", "b"], "answer": ["1", "2"], "n": [1, 2]})
    hub = tmp_path / "hub" / "data"
    hub.mkdir(parents=True)
    pq.write_table(table, hub / "test-00000-of-00001.parquet")
    (first, _) = read_items(tmp_path / "hub", Columns())
    assert first == Item("a", "1", {"n": 1}, "test")
    # As save_to_disk of a DatasetDict leaves it.
    saved = tmp_path / "saved"
    for split in ("train", "test"):
        (saved / split).mkdir(parents=True)
        path = saved / split / "data-00000-of-00001.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        state = {"_data_files": [{"filename": path.name}], "_indices_files": None}
        (saved / split / "state.json").write_text(json.dumps(state))
    (saved / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    found = list(read_items(saved, Columns(input=("question", "n"))))
    assert [each.split for each in found] == ["train", "train", "test", "test"]
    assert (found[1].input, found[1].expected) == ({"question": "b", "n": 2}, "2")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "x,y\n1,2\n", "no column looks like an input.*The columns are x, y"),
        ("a.csv", "input\n\n,1\n", "more fields|needs an input"),
        ("a.jsonl", "{\n", "line 1 is no JSON"),
        ("a.jsonl", "3\n", "is no object"),
        ("a.json", '{"a": 1}', "list of objects"),
        ("a.parquet", "no", "no Parquet"),
        ("a.xml", "<a/>", "none of .csv"),
        ("a.jsonl", '{"input": ""}\n', "row 1: An item needs an input"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, text: str, why: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(StoreError, match=why):
        list(read_items(path, Columns()))


LONG = "the parcel came on monday and the left boot has a hole in its sole so what can I do now"


def test_near_duplicates_are_found_and_others_are_not() -> None:
    texts = [
        LONG,
        LONG.upper() + "!",
        LONG.replace("monday", "tuesday"),
        "an entirely different question about the price of tents",
        "",
        "",
        "short one",
        "short two",
    ]
    found = {(each.first, each.second): each.by for each in near_duplicates(texts, 0.6)}
    assert found == {(0, 1): "text", (0, 2): "words"}
    assert near_duplicates(texts, 0.99)[-1].second == 1
    with pytest.raises(ValueError, match="threshold"):
        near_duplicates(texts, 0)


def test_bands_find_what_comparing_each_with_each_finds() -> None:
    import random

    rng = random.Random(4)
    words = [f"w{n}" for n in range(400)]
    texts = []
    for _ in range(60):
        base = rng.choices(words, k=60)
        other = list(base)
        for _ in range(rng.randrange(6)):
            other[rng.randrange(60)] = rng.choice(words)
        texts += [" ".join(base), " ".join(other)]
    runs = [{tuple(t.split()[n : n + 3]) for n in range(58)} for t in texts]
    truth = {
        (a, b)
        for a in range(len(texts))
        for b in range(a + 1, len(texts))
        if len(runs[a] & runs[b]) / len(runs[a] | runs[b]) >= 0.8
    }
    assert len(truth) > 20
    assert {(each.first, each.second) for each in near_duplicates(texts, 0.8)} == truth


def test_splits_keep_together_what_is_nearly_the_same() -> None:
    items = [Item(f"question number {n} about {n * 7}", item_id=f"i{n}") for n in range(300)]
    items += [Item(LONG, item_id="x1"), Item(LONG + ".", item_id="x2")]
    made = divided(items, {"train": 0.8, "test": 0.2})
    assert len(made) == len(items)
    by_id = {each.item_id: each.split for each in made}
    assert by_id["x1"] == by_id["x2"]
    assert 0.7 < sum(each.split == "train" for each in made) / len(made) < 0.9
    # The same again, whatever else there is.
    assert {e.item_id: e.split for e in divided(items[:50], {"train": 0.8, "test": 0.2})} == {
        key: by_id[key] for key in (e.item_id for e in items[:50])
    }
    assert checked(made, 1).leaks == 0
    leaked = [each if each.item_id != "x1" else Item(LONG, split="other") for each in made]
    found = checked(leaked, 1)
    assert (found.leaks, found.pairs[0].is_leak, found.without_expected) == (1, True, 302)
    with pytest.raises(ValueError, match="above 0"):
        assigned(["a"], groups(1, []), {"train": 0})
