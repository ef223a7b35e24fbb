"""Templates of prompts: what they render, what they refuse, and that they always end."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanglass.prompts import PromptError, read


def rendered(template: Any, syntax: str = "mustache", **values: Any) -> Any:
    return read({"template": template, "syntax": syntax}).render(values)


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("Hi {{name}}!", {"name": "Ada <b>"}, "Hi Ada <b>!"),
        ("{{{a}}} {{& a}} {{ a }}", {"a": "&"}, "& & &"),
        ("{{user.plan.name}}", {"user": {"plan": {"name": "pro"}}}, "pro"),
        ("{{#docs}}- {{title}} ({{n}})\n{{/docs}}", {"docs": [{"title": "a"}, {"title": "b"}], "n": 1}, "- a (1)\n- b (1)\n"),
        ("{{#tags}}{{.}},{{/tags}}", {"tags": ["x", "y"]}, "x,y,"),
        ("{{^docs}}none{{/docs}}{{#docs}}some{{/docs}}", {"docs": []}, "none"),
        ("a\n{{! a comment }}\n  {{#on}}\nb\n{{/on}}\nc", {"on": True}, "a\nb\nc"),
        ("{{n}} {{on}} {{data}}", {"n": 1.5, "on": True, "data": {"a": ["é"]}}, '1.5 true {"a": ["é"]}'),
        ("no braces { } here", {}, "no braces { } here"),
    ],
)  # fmt: skip
def test_mustache(template: str, values: dict[str, Any], text: str) -> None:
    declared = read({"template": template})
    assert declared.render(values or {}) == text


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("Hi {{ name|upper }}{% if polite is defined %}, please{% endif %}", {"name": "ada"}, "Hi ADA"),
        ("{% for d in docs %}{{ loop.index }}. {{ d.title }}\n{% endfor %}", {"docs": [{"title": "a"}, {"title": "b"}]}, "1. a\n2. b\n"),
        ("{{ docs|map('title')|join(', ') }}", {"docs": [{"title": "a"}, {"title": "b"}]}, "a, b"),
        ("{% set n = namespace(x=0) %}{% for i in range(4) %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}", {}, "6"),
        ("{{ d.items()|list|length }} {{ d|tojson }} {{ d }}", {"d": {"a": 1}}, '1 {"a": 1} {"a": 1}'),
        ("{{ who|default('you') }} {{ 'a' ~ 1 ~ 'b' }} {{ xs[-2:]|join('') }}", {"xs": [1, 2, 3]}, "you a1b 23"),
        ("{{ name.strip().title() }}{{ 2 ** 3 * 2 }}{{ 'ab' * 2 }}", {"name": " ada l "}, "Ada L16abab"),
    ],
)  # fmt: skip
def test_jinja(template: str, values: dict[str, Any], text: str) -> None:
    assert rendered(template, "jinja2", **values) == text


#: Each would take for ever, or all memory, if nothing held it.
ENDLESS = [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{{ range(999999999) }}",
    "{{ 'a' * 10**12 }}",
    "{{ 10 ** 10000 }}",
    "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "{% set n = namespace(x=['a']) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x=['a'],y=['a']) %}{% for i in range(40) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
    "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x|replace('a', 'aa') %}{% endfor %}",
    "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x|indent(9999999, true) %}{% endfor %}",
    "{{ 'a'|center(10**9) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ (['x' * 1000] * 1000)|join('y' * 10000) }}",
    "{% macro a(n) %}{{ a(n) }}{{ a(n) }}{% endmacro %}{{ a(1) }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% set x %}{{ x }}{% endset %}",
    "{% for i in range(99999) %}" + "long text " * 1000 + "{% endfor %}",
    "{{ (" * 300 + "1" + ") }}" * 300,
    "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
]  # fmt: skip
#: Each would reach Python's objects.
ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ name.__class__ }}{{ name.__init__.__globals__ }}",
    "{{ name|attr('__class__') }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ range.__globals__ }}",
    "{{ lipsum.__globals__.os }}",
    "{{ self }}{{ self.__init__ }}",
    "{{ cycler.__init__ }}",
    "{% import 'os' as os %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'a' %}",
    "{{ name.format_map({}) }}",
    "{{ loop.__class__ }}",
    "{{ ''.join.__self__.__class__ }}",
]


@pytest.mark.parametrize("template", ENDLESS)
def test_what_never_ends_ends(template: str) -> None:
    with pytest.raises(PromptError):
        rendered(template, "jinja2", **({"x": "a"} if "set x" in template else {}))


@pytest.mark.parametrize("template", ESCAPES)
def test_no_template_reaches_python(template: str) -> None:
    try:
        definition = read({"template": template, "syntax": "jinja2"})
        text = definition.render(dict.fromkeys(definition.variables, "Ada"))
    except PromptError:
        return
    assert text in ("", "Ada", "AdaAda")


def test_objects_become_plain_data() -> None:
    class Account:
        secret = "s3cret"

        def __str__(self) -> str:
            return "an account"

    assert rendered("{{ a }}{{ a.secret }}", "jinja2", a=Account()) == "an account"
    assert rendered("{{a}}{{a.secret}}", a=Account()) == "an account"


def test_mustache_is_bounded() -> None:
    nested = "{{#a}}" * 15 + "x" + "{{/a}}" * 15
    with pytest.raises(PromptError, match="steps"):
        rendered(nested, a=[{}] * 10)
    with pytest.raises(PromptError, match="deeper"):
        read({"template": "{{#a}}" * 30 + "{{/a}}" * 30})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("a text", "mapping with a template"),
        ({}, "mapping with a template"),
        ({"template": "a", "temperature": 1}, "'temperature' is no field"),
        ({"template": "{{a"}, None),
        ({"template": "{{#a}}"}, "has no end"),
        ({"template": "{{#a}}{{/b}}"}, "{{/a}}"),
        ({"template": "{{> partial}}"}, "Partials"),
        ({"template": "{{a b}}"}, "names no variable"),
        ({"template": "{{ a", "syntax": "jinja2"}, "Line 1"),
        ({"template": "{{ a|nope }}", "syntax": "jinja2"}, "nope"),
        ({"template": "x", "syntax": "fstring"}, "no syntax"),
        ({"template": "x", "kind": "chat"}, "list of messages"),
        ({"template": [{"role": "user"}]}, "A message is"),
        ({"template": "{{a}}", "variables": {}}, "uses 'a'"),
        ({"template": "{{a}}", "variables": {"a": "string", "b": "string"}}, "does not use the variable 'b'"),
        ({"template": "{{a}}", "variables": {"a": "text"}}, "is no type"),
        ({"template": "{{a}}", "variables": {"a": {"type": "integer", "default": "x"}}}, "default of 'a'"),
        ({"template": "x" * 300_000}, "at most"),
        ({"template": "x", "tools": {}}, "tools is a list"),
    ],
)  # fmt: skip
def test_bad_definitions_say_what_to_change(document: Any, said: str | None) -> None:
    if said is None:
        assert read(document).render({}) == document["template"]
        return
    with pytest.raises(PromptError) as refused:
        read(document)
    assert said in str(refused.value)


def test_missing_extra_and_wrong_variables_are_named() -> None:
    definition = read(
        {
            "template": "{{a}} {{n}} {{c}}",
            "variables": {"a": "string", "n": "integer", "c": {"type": "string", "default": "!"}},
        }
    )
    assert definition.render({"a": "x", "n": 2}) == "x 2 !"
    assert definition.problems({"n": "2", "z": 1}) == [
        "The variable 'a' is missing.",
        "The variable 'n' is of type integer, not str.",
        "There is no variable 'z'; there are: a, c, n.",
    ]
    with pytest.raises(PromptError, match="'z'"):
        definition.render({"a": "x", "n": 1, "z": 1})
    assert definition.render({"z": 1}, strict=False) == "  !"


def test_a_chat_with_history() -> None:
    definition = read(
        {
            "template": [
                {"role": "system", "content": "You help {{who}}."},
                {"placeholder": "history"},
                {"role": "user", "content": "{{question}}"},
            ]
        }
    )
    history = [{"role": "user", "content": "{{who}}?"}, {"role": "assistant", "content": "Yes."}]
    assert definition.render({"who": "Ada", "question": "Why?", "history": history}) == [
        {"role": "system", "content": "You help Ada."},
        *history,
        {"role": "user", "content": "Why?"},
    ]
    assert definition.variables["history"].type == "messages"


@settings(max_examples=20)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    )
)  # fmt: skip
def test_both_syntaxes_show_any_data_alike(value: Any) -> None:
    shown = [rendered("{{x}}", syntax, x=value) for syntax in ("mustache", "jinja2")]
    if isinstance(value, list | dict):
        assert json.loads(shown[0]) == value
    if value is not None:
        assert shown[0] == shown[1]


@given(st.text(alphabet="{}#/^!. ab%\n", max_size=60))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    for syntax in ("mustache", "jinja2"):
        try:
            definition = read({"template": text, "syntax": syntax})
        except PromptError:
            continue
        assert read(definition.document()) == definition
        try:
            definition.render(dict.fromkeys(definition.variables, "v"))
        except PromptError:
            continue
