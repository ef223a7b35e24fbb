"""`spanglass prompts pull, push, import`: prompts from and to files."""

import contextlib
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from spanglass_collector.cli.output import errors, print_table
from spanglass_collector.cli.prompt_registry import Registry, registry
from spanglass_collector.cli.remote import ApiKey, DataDir, Url
from spanglass_store.errors import StoreError
from spanglass_store.prompts.files import PromptFile, read_file, read_folder, write
from spanglass_store.prompts.imports import PRODUCTS, read_export
from spanglass_store.state.prompt_tables import Origin

Author = Annotated[str, typer.Option(help="Who; the key's id unless given.")]
Message = Annotated[str, typer.Option("--message", "-m", help="Why.")]
Project = Annotated[str, typer.Option(help="Whose; the key's own unless given.")]
_MOST_BYTES = 100 << 20


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(pull)
    app.command()(push)
    app.command("import")(import_)


def pull(
    folder: Annotated[Path, typer.Argument(help="Where to; it is made if it is not there.")],
    label: Annotated[str, typer.Option(help="The versions with this label.")] = "latest",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Writes every prompt into a folder, a YAML file each.

    spanglass prompts pull prompts/
    """
    with registry(data_dir, url, key, project) as (book, _, _):
        found = [
            book.resolve(each.name, label)
            for each in book.find("")
            if label == "latest" or label in each.labels
        ]
    for each in found:
        write(folder, each.name, each.version, each.document)
    errors.print(f"{len(found)} prompts are in {folder}.", markup=False, highlight=False)


def push(
    path: Annotated[Path, typer.Argument(help="A folder of YAML files, or one of them.")],
    message: Message = "",
    author: Author = "",
    label: Annotated[str, typer.Option(help="Put this label on what the files say.")] = "",
    force: Annotated[
        bool, typer.Option(help="Also where the registry has a newer version than the file.")
    ] = False,
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Makes a version of every prompt whose file says something new.

    The commit is kept with the version where the files are in a git repository. A file that was
    written from an older version than the registry has is refused, unless it says the same.

    spanglass prompts push prompts/ -m "shorter answers" --label staging
    """
    files = read_folder(path) if not path.is_file() else [read_file(path)]
    origin = Origin(author, message, _commit(path if path.is_dir() else path.parent))
    rows: list[tuple[str, int, str]] = []
    refused: list[str] = []
    with registry(data_dir, url, key, project) as (book, _, _):
        for each in files:
            try:
                base = None if force else each.base
                version, is_new = book.save(each.name, each.definition, origin, base)
            except StoreError as error:
                if each.base and _says(book, each) == each.base:
                    rows.append((each.name, each.base, "older than the registry: pull"))
                else:
                    rows.append((each.name, each.base or 0, "refused"))
                    refused.append(str(error))
                continue
            if label and label not in version.labels:
                book.move(each.name, label, version.version, author, message, None)
            if is_new:
                # The file's own: the next push is on top of this one.
                write(each.path.parent, each.name, version.version, version.document)
            rows.append((each.name, version.version, "new" if is_new else "as it was"))
    print_table(("name", "version", ""), rows, whole=("name",))
    if refused:
        raise StoreError(" ".join(refused))


def _says(book: Registry, file: PromptFile) -> int:
    """The version that a file was written from, if it still says the same; else 0."""
    with contextlib.suppress(StoreError):
        found = book.version(file.name, file.base or 0)
        return found.version if found.document == file.definition.document() else 0
    return 0


def import_(
    file: Annotated[Path, typer.Argument(help="JSON or JSON Lines.")],
    product: Annotated[str, typer.Option("--from", help=f"{' or '.join(PRODUCTS)}.")],
    name: Annotated[str, typer.Option(help="For a prompt that does not say its own.")] = "",
    project: Project = "",
    data_dir: DataDir = None,
    url: Url = "",
    key: ApiKey = "",
) -> None:
    """Takes over prompts from another product's export, with their labels.

    spanglass prompts import prompts.json --from langfuse
    spanglass prompts import greeting.json --from langsmith --name greeting
    """
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{file} is larger than {_MOST_BYTES >> 20} MiB: split it.")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file} can't be read: {error}") from error
    rows = []
    with registry(data_dir, url, key, project) as (book, _, _):
        for each in read_export(text, product, name):
            origin = Origin(each.author, each.message, each.source)
            version, is_new = book.save(each.name, each.definition, origin, None)
            for label in each.labels:
                book.move(each.name, label, version.version, "", f"from {product}", None)
            labels = ", ".join(each.labels)
            rows.append((each.name, version.version, labels, "new" if is_new else "as it was"))
    print_table(("name", "version", "labels", ""), rows, whole=("name",))


def _commit(folder: Path) -> str:
    """The commit that a folder is at, marked where its files differ; empty outside of git."""

    def ask(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False,
            timeout=30,
        )  # fmt: skip
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = ask("rev-parse", "HEAD")
        changes = "+changes" if commit and ask("status", "--porcelain", "--", ".") else ""
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return f"git:{commit}{changes}" if commit else ""
