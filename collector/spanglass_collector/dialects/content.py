"""What went into a span and came out of it, where OpenTelemetry has it for what the span does."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Final

from spanglass_collector.dialects import convert, events, indexed, messages, names
from spanglass_collector.dialects.model import Assembled
from spanglass_collector.dialects.tables import INPUTS, LISTS, OUTPUTS

_MODELS: Final = frozenset({"chat", "text_completion", "generate_content"})
#: How JSON of messages begins.
_CONVERSATION: Final = ('[{"role"', '[{"parts"')
_SEARCHES: Final = frozenset({"retrieval", "rerank"})


@dataclass(slots=True)
class Content:
    """What was found of a span's content.

    Attributes:
        values: attributes, those that hold what went in or came out among them.
        lists: the lists that names count through, by their roots.
        said: what events have said.
    """

    values: dict[str, Any]
    lists: dict[str, indexed.Items]
    said: events.Said | None

    def of_list(self, gives: str) -> list[dict[str, Any]]:
        """The items of the first list that is this."""
        for root, items in self.lists.items():
            if LISTS[root] == gives:
                return indexed.in_order(items)
        return []

    def first(self, sources: tuple[str | Assembled, ...]) -> Any:
        """What the first source that the span has holds; a message that is put together is one."""
        for source in sources:
            found: Any = (
                self.values.get(source) if isinstance(source, str) else self._assembled(source)
            )
            if found is not None and found != "":
                return found
        return None

    def _assembled(self, source: Assembled) -> dict[str, Any] | None:
        made = {name: self.values.get(key) for name, key in source.parts.items()}
        made = {name: value for name, value in made.items() if value not in (None, "")}
        if not made:
            return None
        made.setdefault("content", made.pop("object", None))
        return made | {"role": "assistant"}


def add(held: Content, operation: str, given: Container[str], made: dict[str, Any]) -> None:
    """Adds the content of a span.

    Args:
        held: what was found.
        operation: what the span does; empty if that is not known.
        given: the attributes that it already has.
        made: those that are added to it; content comes to them.
    """
    if operation in _MODELS or (not operation and _has_messages(held)):
        _messages(held, given, made)
    elif operation == "execute_tool":
        _tool(held, given, made)
    elif operation in _SEARCHES:
        _search(held, given, made)
    else:
        if _has_messages(held):
            _messages(held, given, made, whole=False)
        _other(held, given, made)
    if held.lists and names.TOOL_DEFINITIONS not in given and names.TOOL_DEFINITIONS not in made:
        tools = [convert.tool_definition(each) for each in held.of_list("tools")]
        _json(names.TOOL_DEFINITIONS, [each for each in tools if each], given, made)


def _has_messages(held: Content) -> bool:
    if held.said is not None and (held.said.input or held.said.output):
        return True
    return any(LISTS[root] in ("input", "output") for root in held.lists)


def _messages(
    held: Content, given: Container[str], made: dict[str, Any], whole: bool = True
) -> None:
    """Messages: counted through by names, of events, or (`whole`) in one attribute."""
    if names.INPUT_MESSAGES not in given:
        said = _said(held, "input", "user", INPUTS if whole else ())
        _json(names.INPUT_MESSAGES, said.messages, given, made)
        _json(names.SYSTEM_INSTRUCTIONS, said.system, given, made)
        _json(names.TOOL_DEFINITIONS, said.tools, given, made)
    if names.OUTPUT_MESSAGES not in given:
        said = _said(held, "output", "assistant", OUTPUTS if whole else ())
        if len(said.messages) == 1:
            (answer,) = said.messages
            if names.FINISH_REASONS in made:
                answer.setdefault("finish_reason", made[names.FINISH_REASONS][0])
            elif "finish_reason" in answer and names.FINISH_REASONS not in given:
                made[names.FINISH_REASONS] = [answer["finish_reason"]]
        _json(names.OUTPUT_MESSAGES, said.messages, given, made)


def _said(
    held: Content,
    gives: str,
    role: str,
    sources: tuple[str | Assembled, ...],
) -> messages.Conversation:
    listed = held.of_list(gives)
    if listed:
        made = [messages.message(item, role) for item in listed]
        there = [each for each in made if each]
        if there:
            return messages.Conversation(there, [], [])
    if held.said is not None:
        found = messages.Conversation([], [], [])
        for value, whose in held.said.input if gives == "input" else held.said.output:
            found.messages += messages.conversation(value, whose).messages
        if found.messages:
            return found
    value = held.first(sources)
    return messages.conversation("" if value is None else value, role)


def _tool(held: Content, given: Container[str], made: dict[str, Any]) -> None:
    if names.TOOL_ARGUMENTS not in given and names.TOOL_ARGUMENTS not in made:
        found = convert.json_text(_of_call(held.first(INPUTS)))
        if found is not None:
            made[names.TOOL_ARGUMENTS] = found
    if names.TOOL_RESULT not in given and names.TOOL_RESULT not in made:
        found = convert.json_text(held.first(OUTPUTS))
        if found is not None:
            made[names.TOOL_RESULT] = found


def _of_call(value: Any) -> Any:
    """The arguments in what is recorded of a call: `{"args": [], "kwargs": {…}}` and the like."""
    if not isinstance(value, str) or ('"kwargs"' not in value and '"tool_name"' not in value):
        return value
    found = convert.json_object(value)
    for key, other in (("kwargs", found.get("args")), ("arguments", None)):
        if isinstance(found.get(key), dict) and not other:
            return found[key]
    return value


def _search(held: Content, given: Container[str], made: dict[str, Any]) -> None:
    if names.QUERY not in given and names.QUERY not in made:
        found = _query(held.first(INPUTS))
        if found:
            made[names.QUERY] = found
    if names.DOCUMENTS not in given:
        listed = held.of_list("documents") or _documents(convert.loads(held.first(OUTPUTS)))
        if held.said is not None and not listed:
            listed = held.said.documents
        _json(names.DOCUMENTS, [indexed.document(each) for each in listed], given, made)


def _query(value: Any) -> str | None:
    """What was searched for: a text, or the first text among the arguments of a call."""
    found = convert.loads(value) if isinstance(value, str) and value[:1] in '{["' else value
    for _ in range(3):
        if isinstance(found, dict):
            found = next((each for each in found.values() if each), None)
        elif isinstance(found, list) and found:
            found = found[0]
    return found if isinstance(found, str) else convert.json_text(value)


def _documents(value: Any) -> list[Any]:
    """The documents in an answer: a list of them, also under a name."""
    if isinstance(value, dict):
        for key in ("documents", "output", "results", "matches", "outputs"):
            if isinstance(value.get(key), list):
                value = value[key]
                break
    if not isinstance(value, list):
        return []
    return [each for each in value if isinstance(each, str | dict)]


def _other(held: Content, given: Container[str], made: dict[str, Any]) -> None:
    """What is no call of a model, a tool or a search: as it came."""
    for target, taken, sources in (
        (names.INPUT_VALUE, names.INPUT_MESSAGES, INPUTS),
        (names.OUTPUT_VALUE, names.OUTPUT_MESSAGES, OUTPUTS),
    ):
        if target in given or taken in given or taken in made:
            continue
        found = held.first(sources)
        if isinstance(found, str) and found.startswith(_CONVERSATION):
            _json(taken, messages.conversation(found, "user").messages, given, made)
            continue
        if isinstance(found, dict) and "content" in found:
            found = found["content"] or found.get("tool_calls")
        found = convert.json_text(found)
        if found is not None:
            made[target] = found


def _json(
    target: str, value: list[dict[str, Any]], given: Container[str], made: dict[str, Any]
) -> None:
    if value and target not in made and target not in given:
        found = convert.dumps(value)
        if found is not None:
            made[target] = found
