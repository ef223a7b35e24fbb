"""SQL over decoded OTLP messages: times, and attribute values as text with their types beside."""

from typing import Final

#: How lists show what JSON has no word for. A user's own key that begins with `$` is stored with
#: a second one in front, so these can't be imitated.
BYTES_KEY: Final = "$bytes"
DOUBLE_KEY: Final = "$double"
ARRAY_KEY: Final = "$array"
KVLIST_KEY: Final = "$kvlist"

_LAST_TIME: Final = (1 << 63) - 1


def at(value: str, *names: str) -> str:
    """The (nested) tuple element of an expression; over arrays it maps without copying."""
    for name in names:
        value = f"tupleElement({value}, '{name}')"
    return value


def pack(message: str, *names: str) -> str:
    """A tuple of some of a message's fields: one column to hand through instead of several."""
    fields = ", ".join(f"{at(message, name)} AS {name}" for name in names)
    return f"tuple({fields})"


def time(nanoseconds: str) -> str:
    """A time from nanoseconds since 1970."""
    # What a 64-bit time can't say, in 2262 and later, is the last that it can.
    return f"fromUnixTimestamp64Nano(toInt64(least({nanoseconds}, {_LAST_TIME})))"


def texts(values: str) -> str:
    """Attribute values, each as text, in order."""
    fields = (
        "kind", "string_value", "int_value", "bool_value", "double_value", "bytes_value",
        "array_value", "kvlist_value",
    )  # fmt: skip
    raw = (
        f'concat(\'{{"{KVLIST_KEY}":["\','
        " arrayStringConcat(arrayMap(e -> base64Encode(e), l.values), '\",\"'), '\"]}')"
    )
    return (
        "arrayMap((k, s, i, b, d, y, a, l) -> multiIf(k = 'string', s, k = 'int', toString(i),"
        " k = 'bool', if(b, 'true', 'false'), k = 'double', toString(d),"
        f" k = 'array', if(a.json != '', a.json, {_array_json('a')}),"
        f" k = 'kvlist', multiIf(l.json != '', l.json, empty(l.values), '{{}}', {raw}),"
        " k = 'bytes', base64Encode(y), ''), "
        + ", ".join(at(values, field) for field in fields)
        + ")"
    )


def types(keys: str, kinds: str) -> str:
    """The map of the types that are not `string`."""
    return f"mapFilter((k, t) -> t != 'string', mapFromArrays({keys}, {kinds}))"


def attribute_map(attributes: str) -> str:
    """A list of key-value messages as a map of texts."""
    return f"mapFromArrays({at(attributes, 'key')}, {texts(at(attributes, 'value'))})"


def _array_json(array: str) -> str:
    """The JSON text of a list of scalars. What is no scalar keeps its encoding."""

    def encoded(mark: str, field: str) -> str:
        return f"concat('{{\"{mark}\":\"', base64Encode({field}), '\"}}')"

    # A double without a fraction keeps a mark of its type: 1.0 is not 1.
    double = (
        f"multiIf(NOT isFinite(d), concat('{{\"{DOUBLE_KEY}\":\"', toString(d), '\"}}'),"
        " match(toString(d), '[.e]'), toString(d), concat(toString(d), '.0'))"
    )
    item = (
        "(k, s, i, b, d, y, a, l) -> multiIf(k = 'string', toJSONString(s),"
        f" k = 'int', toString(i), k = 'bool', if(b, 'true', 'false'), k = 'double', {double},"
        f" k = 'bytes', {encoded(BYTES_KEY, 'y')}, k = 'array', {encoded(ARRAY_KEY, 'a')},"
        f" k = 'kvlist', {encoded(KVLIST_KEY, 'l')}, 'null')"
    )
    fields = (
        "kind", "string_value", "int_value", "bool_value", "double_value", "bytes_value",
        "array_value", "kvlist_value",
    )  # fmt: skip
    values = at(array, "values")
    return (
        f"concat('[', arrayStringConcat(arrayMap({item},"
        f" {', '.join(at(values, field) for field in fields)}), ','), ']')"
    )
