"""Every command with its options, as `--help` has them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer.main

from generator.markdown import code, table
from spanglass.gpu.command import parser as agent_parser
from spanglass_collector.cli.main import commands
from spanglass_collector.settings import Settings

_NOT_SHOWN: Final = ("help", "install_completion", "show_completion")
_MARKUP: Final = re.compile(r"\[/?(?:bold|dim|italic|green|red|yellow|cyan)\]")


def page() -> str:
    """The page."""
    root: Any = typer.main.get_command(commands(()))
    text = "".join(_shown(name, each) for name, each in _leaves("spanglass", root))
    return (
        "# Commands\n\n"
        "Where the service is running, commands talk to it; else they open the data directory."
        " `--help` of each says the same as this page.\n\n" + text
    )


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    found = getattr(command, "commands", None)
    if found is None or command.invoke_without_command:
        yield path, command
    if found is None:
        return
    for name, each in found.items():
        if not each.hidden:
            yield from _leaves(f"{path} {name}", each)


def _shown(path: str, command: Any) -> str:
    if path == "spanglass agent":
        return f"## `{path}`\n\n{_agent()}"
    about = _about(command.help or "")
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [
        each
        for each in command.params
        if each.param_type_name == "option" and not each.hidden and each.name not in _NOT_SHOWN
    ]
    settings = [each for each in options if each.name in Settings.model_fields]
    if path == "spanglass serve":
        options = [each for each in options if each not in settings]
        about += "\n\nEvery [setting](settings.md#of-the-service) is an option, too."
    usage = " ".join([path, *map(_argument, arguments)] + (["[OPTIONS]"] if options else []))
    text = f"## `{path}`\n\n{about}\n\n```text\n{usage}\n```\n\n"
    rows = [
        (
            ", ".join(code(o) for o in (*each.opts, *each.secondary_opts)),
            _shown_default(each.help or ""),
        )
        for each in options
    ]
    return text + (table(("option", "meaning"), rows) if rows else "")


def _about(text: str) -> str:
    """The help, with its examples as code."""
    paragraphs = _MARKUP.sub("", text.replace("\b", "")).strip().split("\n\n")
    return "\n\n".join(
        f"```text\n{each.strip()}\n```" if each.strip().startswith("spanglass ") else each
        for each in paragraphs
    )


def _shown_default(text: str) -> str:
    """The same on every machine."""
    return text.replace(str(Path.home()), "~")


def _argument(argument: Any) -> str:
    name = argument.name.rstrip("_").upper() + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _agent() -> str:
    made = agent_parser()
    rows = [
        (", ".join(code(o) for o in action.option_strings), action.help or "")
        for action in made._actions
        if action.option_strings and action.dest != "help"
    ]
    return f"{made.description or ''}\n\n" + table(("option", "meaning"), rows)
