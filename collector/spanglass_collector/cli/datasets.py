"""`spanglass datasets`: examples with versions, from traces, files and people."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from spanglass_collector.cli.dataset_desk import datasets
from spanglass_collector.cli.dataset_files import Columns, read_items
from spanglass_collector.cli.output import errors, print_table
from spanglass_collector.cli.remote import ApiKey, DataDir, Url
from spanglass_store.errors import StoreError
from spanglass_store.state.dataset_tables import Changed, Item

app = typer.Typer(help="Datasets: examples from traces, files and by hand.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="As `spanglass datasets list` shows it.")]
Project = Annotated[str, typer.Option(help="Whose; the key's own unless given.")]
Message = Annotated[str, typer.Option("--message", "-m", help="Why.")]
Author = Annotated[str, typer.Option(help="Who; the key's id unless given.")]
Split = Annotated[str, typer.Option(help="Which part: train, test, …")]
Version = Annotated[int, typer.Option(min=0, help="0 for the newest.")]
_TRACE: Final = re.compile(r"([0-9a-fA-F]{32})(?:[:/]([0-9a-fA-F]{16}))?")
_SHARE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})=(\d*\.?\d+)")
#: Characters of a cell in tables.
_SHOWN: Final = 80


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Part of the name.")] = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows datasets with their size and newest version.

    spanglass datasets list
    """
    with datasets(data_dir, url, key, project) as desk:
        found = desk.find(search)
    rows = [
        (
            each["name"],
            each["items"],
            each["latest"],
            str(each["updated_at"])[:16].replace("T", " "),
        )
        for each in found
    ]
    print_table(("name", "items", "version", "changed"), rows, whole=("name",))
    if not found:
        errors.print(
            "There are no datasets. `spanglass datasets add --help` shows how to make one."
        )


@app.command()
def show(
    name: Name,
    history: Annotated[bool, typer.Option(help="List its versions instead.")] = False,
    version: Version = 0,
    split: Split = "",
    limit: Annotated[int, typer.Option(min=1, help="Items that are shown.")] = 20,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Shows items, or what changes did.

    spanglass datasets show returns --split test
    spanglass datasets show returns --history
    """
    with datasets(data_dir, url, key, project) as desk:
        whole = desk.whole(name)
        if history:
            rows = [
                (
                    each["version"], each["items"], each["added"], each["changed"],
                    each["removed"], each["author"], each["message"],
                    str(each["created_at"])[:16].replace("T", " "),
                )
                for each in whole["versions"]
            ]  # fmt: skip
            print_table(
                ("version", "items", "added", "changed", "removed", "author", "message", "when"),
                rows,
            )
            return
        shown = []
        for each in desk.items(name, version, split):
            shown.append((each.item_id, each.split, _short(each.input), _short(each.expected)))
            if len(shown) >= limit:
                break
    print_table(("id", "split", "input", "expected"), shown, whole=("id",))
    splits = ", ".join(f"{each or 'no split'} {n}" for each, n in sorted(whole["splits"].items()))
    errors.print(
        f"{name}: {whole['items']} items ({splits or 'none'}), version {whole['latest']}.",
        markup=False, highlight=False,
    )  # fmt: skip


@app.command()
def add(
    name: Name,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="CSV, JSON lines, Parquet, or a folder that Hugging Face's datasets wrote."
        ),
    ] = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", help="Column of the input; several are values.")
    ] = None,
    expected: Annotated[str, typer.Option(help="Column of the expected output.")] = "",
    split: Split = "",
    trace: Annotated[
        list[str] | None, typer.Option(help="A trace's id, or TRACE:SPAN; instead of files.")
    ] = None,
    sql: Annotated[
        str, typer.Option(help="A SELECT that gives trace_id, and span_id; instead of files.")
    ] = "",
    answers: Annotated[
        str,
        typer.Option(
            help="Of traces, what is expected: correction, output (the answer was right), none."
        ),
    ] = "correction",
    text: Annotated[str, typer.Option(help="One input, typed here; instead of files.")] = "",
    answer: Annotated[str, typer.Option(help="What is expected of --text.")] = "",
    message: Message = "",
    author: Author = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Puts examples into a dataset; the first make it. What is there already stays as it is.

    spanglass datasets add returns questions.csv --input question --expected answer
    spanglass datasets add returns --sql "SELECT trace_id FROM scores WHERE value < 0.5"
    spanglass datasets add returns --text "Can I return boots?" --answer "For thirty days."
    """
    ways = [bool(files), bool(trace), bool(sql), bool(text)]
    if sum(ways) != 1:
        raise StoreError("Give one of: files, --trace, --sql, or --text.")
    if answers not in ("correction", "output", "none"):
        raise StoreError(f"--answers is correction, output or none; not {answers!r}.")
    missing = 0
    with datasets(data_dir, url, key, project) as desk:
        if trace or sql:
            asked = {
                "traces": [_target(each) for each in trace or ()], "sql": sql, "expected": answers,
                "split": split, "author": author, "message": message,
            }  # fmt: skip
            done, missing = desk.add_traces(name, asked)
        elif text:
            item = Item(_typed(text), _typed(answer) if answer else None, {}, split)
            done = desk.put(name, [item], author, message)
        else:
            columns = Columns(tuple(input_ or ()), expected)
            found = [
                item if item.split or not split else Item(**{**vars(item), "split": split})
                for path in files or ()
                for item in read_items(path, columns)
            ]
            named = ", ".join(path.name for path in files or ())
            done = desk.put(name, found, author, message or f"from {named}")
    errors.print(_said(name, done), markup=False, highlight=False)
    if missing:
        errors.print(
            f"{missing} traces were left out: they are not there, or have no input.",
            markup=False, highlight=False,
        )  # fmt: skip


@app.command()
def remove(
    name: Name,
    ids: Annotated[list[str], typer.Argument(help="Of items.")],
    message: Message = "",
    author: Author = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Takes items out; older versions keep them.

    spanglass datasets remove returns 3f2a9c
    """
    with datasets(data_dir, url, key, project) as desk:
        done = desk.remove(name, ids, author, message)
    errors.print(_said(name, done), markup=False, highlight=False)


@app.command()
def delete(
    name: Name,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Forgets a dataset with all its versions.

    spanglass datasets delete returns
    """
    with datasets(data_dir, url, key, project) as desk:
        desk.delete(name)
    errors.print(f"{name} is gone.", markup=False, highlight=False)


@app.command()
def split(
    name: Name,
    shares: Annotated[list[str], typer.Argument(help="train=0.8 test=0.2")],
    author: Author = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Divides the items by a hash; those that are nearly the same stay together.

    spanglass datasets split returns train=0.8 test=0.2
    """
    from spanglass_dashboards.api.datasets import divided

    given: dict[str, float] = {}
    for each in shares:
        found = _SHARE.fullmatch(each)
        if found is None or float(found[2]) <= 0:
            raise StoreError(f"{each!r} should look like train=0.8.")
        given[found[1]] = float(found[2])
    with datasets(data_dir, url, key, project) as desk:
        made = divided(list(desk.items(name)), given)
        if not made:
            errors.print("Every item is in its split already.")
            return
        done = desk.put(name, made, author, f"split: {' '.join(shares)}")
        splits = desk.whole(name)["splits"]
    parts = ", ".join(f"{each or 'no split'} {n}" for each, n in sorted(splits.items()))
    errors.print(f"{name}, version {done.version}: {parts}.", markup=False, highlight=False)


@app.command()
def check(
    name: Name,
    version: Version = 0,
    threshold: Annotated[
        float, typer.Option(min=0.01, max=1, help="Least share of common runs of three words.")
    ] = 0.8,
    paraphrases: Annotated[
        bool, typer.Option(help="Look for the same in other words, too, by vectors of texts.")
    ] = False,
    fail: Annotated[
        bool, typer.Option("--fail-on-leaks", help="Exit with 1 where splits share items.")
    ] = False,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Finds items that are nearly the same, and splits that share them.

    spanglass datasets check returns --paraphrases --fail-on-leaks
    """
    from spanglass_dashboards.api.datasets import checked, words_of

    with datasets(data_dir, url, key, project) as desk:
        found = list(desk.items(name, version))
    vectors = None
    if paraphrases:
        vectors = _vectors([words_of(each) for each in found], data_dir)
    said = checked(found, version, threshold, vectors)
    rows = [
        (each.first, each.first_split, each.second, each.second_split, f"{each.similarity:.2f}",
         each.by, "leak" if each.is_leak else "")
        for each in said.pairs
    ]  # fmt: skip
    print_table(("item", "split", "is nearly", "split", "similarity", "by", ""), rows)
    errors.print(
        f"{said.items} items: {said.pairs_found} pairs are nearly the same, {said.leaks} of them in"
        f" different splits; {said.without_expected} items have no expected output.",
        markup=False, highlight=False,
    )  # fmt: skip
    if fail and said.leaks:
        raise typer.Exit(1)


@app.command()
def export(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="Where to; it is made if it is not there.")],
    form: Annotated[str, typer.Option("--format", help="openai, hf-chat or dpo.")] = "openai",
    version: Version = 0,
    split: Split = "",
    redact: Annotated[
        bool, typer.Option(help="Replace personal data and secrets by their names.")
    ] = True,
    duplicates: Annotated[bool, typer.Option(help="Keep what is nearly the same, too.")] = False,
    licence: Annotated[
        list[str] | None, typer.Option(help="Leave out items that name another licence.")
    ] = None,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Writes examples for fine-tuning: a file of JSON lines for each split, and a data card.

    spanglass datasets export returns training/ --format openai
    """
    from spanglass.evaluation import Example
    from spanglass_detectors.training import FORMATS, card, exported

    wanted = next((each for each in FORMATS if each == form), None)
    if wanted is None:
        raise StoreError(f"--format is one of {', '.join(FORMATS)}; not {form!r}.")
    with datasets(data_dir, url, key, project) as desk:
        number = version or int(desk.whole(name)["latest"])
        examples = [
            Example(each.input, each.expected, each.metadata, each.split, each.item_id)
            for each in desk.items(name, number, split)
        ]
    found = exported(examples, wanted, redact, None if duplicates else 0.8, tuple(licence or ()))
    left = "; ".join(f"{count} left out: {why}" for why, count in found.left_out.items())
    if not found.count:
        raise StoreError(f"There is nothing to write of {name!r}. {left or 'It has no items'}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, rows in found.rows.items():
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / f"{part}.jsonl").write_text(lines, "utf-8")
        (folder / "README.md").write_text(card(name, number, wanted, found, redact), "utf-8")
    except OSError as error:
        raise StoreError(f"Can't write {folder}: {error.strerror}.") from error
    errors.print(
        f"{found.count} rows are in {folder}, with a data card." + (f" {left}." if left else ""),
        markup=False, highlight=False,
    )  # fmt: skip


def _vectors(texts: list[str], data_dir: Path | None) -> Any:
    from spanglass_collector.settings import load
    from spanglass_detectors.duplicates import MOST_VECTORS

    if len(texts) > MOST_VECTORS:
        raise StoreError(f"--paraphrases compares {MOST_VECTORS:,} items at most.")
    try:
        from spanglass_detectors.embedding.table import StaticTable

        folder = load({"data_dir": data_dir}).data_dir / "models"
        return StaticTable(folder if folder.is_dir() else None).embed(texts)
    except ImportError as missing:
        raise StoreError(f"--paraphrases: {missing}.") from missing


def _target(given: str) -> dict[str, str]:
    found = _TRACE.fullmatch(given.strip())
    if found is None:
        raise StoreError(f"{given!r} is no trace's id of 32 hexadecimal digits, nor TRACE:SPAN.")
    return {"trace_id": found[1].lower(), "span_id": (found[2] or "").lower()}


def _typed(text: str) -> Any:
    """What was typed: JSON of a list or an object is that."""
    if text == "-":
        text = sys.stdin.read()
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise StoreError(f"{text[:40]}… begins like JSON and is none: {error}") from error
    return text


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(
        value, ensure_ascii=False
    )  # fmt: skip
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _said(name: str, done: Changed) -> str:
    parts = [
        f"{count} {word}"
        for count, word in (
            (done.added, "added"), (done.changed, "changed"), (done.removed, "removed"),
            (done.unchanged, "there already"),
        )
        if count
    ]  # fmt: skip
    return f"{name}, version {done.version}: {', '.join(parts) or 'nothing changed'}."


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="datasets")
