"""From a request to one row an item, with what is known of its resource and scope."""

from typing import Final

from spanglass_store.otlp.decoder import select
from spanglass_store.otlp.expressions import at, pack, texts, types
from spanglass_store.otlp.schema import Shape

_OF_RESOURCE: Final = {
    "project": "project",
    "retention_days": "retention_days",
    "payload_retention_days": "payload_retention_days",
    "resource_schema_url": "schema_url",
}
_OF_SCOPE: Final = {
    "scope_name": ("scope", "name"),
    "scope_version": ("scope", "version"),
    "scope_schema_url": ("schema_url",),
}
#: Columns about resource and scope, the same for many items: made once for all of them.
_ABOUT: Final = ("resource", "resource_types", "scope_attributes", "scope_attribute_types")
#: Columns that every signal's rows have from resource and scope.
COMMON: Final = (*_ABOUT, *_OF_SCOPE, *_OF_RESOURCE)


def digest_of(keys: str, kinds: str, values: str) -> str:
    """A digest of attributes, whatever their order: the sum of a digest of each."""
    return f"arraySum(arrayMap((k, t, v) -> sipHash64(k, t, v), {keys}, {kinds}, {values}))"


def unfold(source: str, shape: Shape, fields: dict[str, str], origin: bool = False) -> str:
    """SQL for one row an item: the columns `COMMON` and what is taken of the item.

    Args:
        source: a table with the column that `shape` describes.
        shape: of the request.
        fields: columns to make, by name: expressions over `item`.
        origin: whether to make `origin`, too: a digest of resource and scope.
    """
    resources = f"SELECT arrayJoin({shape.resources}) AS in_resource FROM {source}"
    by_resource = select(
        {
            "of_resource": pack("in_resource", *_OF_RESOURCE.values()),
            "resource_attributes": at("in_resource", "resource", "attributes"),
            "scopes": at("in_resource", shape.scopes),
        },
        (),
        resources,
    )
    facts = ("of_resource", "of_scope")
    scopes = select(
        {"in_scope": "arrayJoin(scopes)"}, ("of_resource", "resource_attributes"), by_resource
    )
    of_scope = ", ".join(f"{at('in_scope', *path)} AS {name}" for name, path in _OF_SCOPE.items())
    by_scope = select(
        {
            "of_scope": f"tuple({of_scope})",
            "split": "length(resource_attributes)",
            # Resource and scope are decoded by one expression: the first are the resource's.
            "about": f"arrayConcat(resource_attributes, {at('in_scope', 'scope', 'attributes')})",
            "items": at("in_scope", shape.items),
        },
        ("of_resource",),
        scopes,
    )
    decoded = select(
        {
            "about_keys": at("about", "key"),
            "about_texts": texts(at("about", "value")),
            "about_kinds": at("about", "value", "kind"),
        },
        (*facts, "split", "items"),
        by_scope,
    )
    maps = {}
    digests = []
    for name, kinds_name, part in (
        ("resource", "resource_types", "1, split"),
        ("scope_attributes", "scope_attribute_types", "split + 1"),
    ):
        keys, values, kinds = (
            f"arraySlice(about_{field}, {part})" for field in ("keys", "texts", "kinds")
        )
        maps[name] = f"mapFromArrays({keys}, {values})"
        maps[kinds_name] = types(keys, kinds)
        digests.append(digest_of(keys, kinds, values))
    about: tuple[str, ...] = _ABOUT
    if origin:
        scope = (at("of_scope", name) for name in _OF_SCOPE)
        maps["origin"] = f"sipHash64({', '.join((*digests, *scope))})"
        about = (*_ABOUT, "origin")
    with_maps = select(maps, (*facts, "items"), decoded)
    items = select({"item": "arrayJoin(items)"}, (*facts, *about), with_maps)
    return select(
        {
            **fields,
            **{name: at("of_scope", name) for name in _OF_SCOPE},
            **{name: at("of_resource", field) for name, field in _OF_RESOURCE.items()},
        },
        about,
        items,
    )
