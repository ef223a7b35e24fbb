"""Answers and calls of tools that have to have a form: JSON, a JSON schema.

What it can't see: values of the right form that are wrong.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from spanglass_detectors.content import parsed_json
from spanglass_detectors.span import Span
from spanglass_detectors.text.exchange import ToolCall

_SCHEMAS: Final = 256
_MOST: Final = 400
#: Where requests say which form they want.
_FORMATS: Final = (
    "gen_ai.request.structured_output_schema", "gen_ai.request.response_format",
    "gen_ai.openai.request.response_format", "response_format", "spanglass.metadata.json_schema",
)  # fmt: skip
_DEFINITIONS: Final = "gen_ai.tool.definitions"


class Form(NamedTuple):
    """Whether something has the form that it has to have.

    Attributes:
        label: `valid`, or what is wrong: `not_json`, `cut_off`, `schema`, `unknown_tool`.
        reason: for people.
    """

    label: str
    reason: str = ""

    @property
    def is_valid(self) -> bool:
        return self.label == "valid"


def answer_form(answer: str, span: Span) -> Form | None:
    """Whether an answer is the JSON that was asked for; None if none was."""
    wants_json, schema = _asked(span)
    if not wants_json:
        return None
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError) as error:
        began = answer.lstrip()[:1] in ("{", "[")
        unfinished = began and answer.rstrip()[-1:] not in ("}", "]")
        return Form("cut_off" if unfinished else "not_json", str(error)[:_MOST])
    return Form("valid") if schema is None else schema_form(value, schema)


def tool_calls_form(calls: Sequence[ToolCall], span: Span) -> Form | None:
    """Whether calls of tools have a known name and arguments of its form; None without calls."""
    if not calls:
        return None
    tools = _tools(span)
    for call in calls:
        arguments = call.arguments
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments) if arguments.strip() else {}
            except (ValueError, RecursionError) as error:
                return Form("not_json", f"{call.name}: {error}"[:_MOST])
        if tools and call.name not in tools:
            listed = ", ".join(sorted(tools))
            return Form("unknown_tool", f"{call.name} is none of {listed}"[:_MOST])
        schema = tools.get(call.name)
        if schema:
            form = schema_form(arguments if arguments is not None else {}, schema)
            if not form.is_valid:
                return Form(form.label, f"{call.name}: {form.reason}"[:_MOST])
    return Form("valid")


_validators: OrderedDict[str, Any] = OrderedDict()


def schema_form(value: Any, schema: Any) -> Form:
    """Whether a value is of a JSON schema; a schema that is none says nothing against a value."""
    if not _has_schemas():
        return Form("valid")
    validator = _validator(json.dumps(schema, sort_keys=True))
    if validator is None:
        return Form("valid")
    try:
        wrong = next(iter(validator.iter_errors(value)), None)
    except Exception as error:  # What a schema refers to may not exist; nothing is fetched.
        return Form("valid", f"the schema can't be applied: {type(error).__name__}")
    if wrong is None:
        return Form("valid")
    place = "/".join(map(str, wrong.absolute_path))
    return Form("schema", f"{place or 'the whole'}: {wrong.message}"[:_MOST])


@lru_cache(1)
def _has_schemas() -> bool:
    return find_spec("jsonschema") is not None


def _validator(text: str) -> Any:
    if text in _validators:
        _validators.move_to_end(text)
        return _validators[text]
    import jsonschema
    from referencing import Registry

    schema = json.loads(text)
    try:
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        # A registry of its own: nothing that a schema names is ever fetched.
        found: Any = kind(schema, registry=Registry())
    except Exception:
        found = None
    _validators[text] = found
    if len(_validators) > _SCHEMAS:
        _validators.popitem(last=False)
    return found


def _asked(span: Span) -> tuple[bool, Any]:
    """Whether JSON was asked for, and of which schema."""
    for name in _FORMATS:
        given = span.attributes.get(name) or span.payload_attributes.get(name)
        if not given:
            continue
        found = parsed_json(given)
        if isinstance(found, dict):
            schema = found.get("json_schema", found)
            schema = schema.get("schema", schema) if isinstance(schema, dict) else schema
            is_schema = isinstance(schema, dict) and {"type", "properties", "$ref", "anyOf"} & {
                *schema
            }
            if found.get("type") in ("json_object", "text"):
                return found["type"] != "text", None
            return True, schema if is_schema else None
        if "json" in given:
            return True, None
    return span.attributes.get("gen_ai.output.type") == "json", None


def _tools(span: Span) -> dict[str, Any]:
    """The schemas of tools that the model was given, by name."""
    found: dict[str, Any] = {}
    listed = parsed_json(span.payload_attributes.get(_DEFINITIONS, ""))
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, dict):
            continue
        function = each.get("function", each)
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            found[function["name"]] = function.get("parameters", function.get("input_schema"))
    return found
