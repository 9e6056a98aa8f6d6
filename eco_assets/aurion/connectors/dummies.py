"""A configuration made up from its schema, to ask a source for its catalogue without an account. Every value is a visible fake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_BY_FORMAT = {"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "uri": "https://example.invalid", "email": "a@example.invalid"}
_DATES = (  # beginnings of patterns and examples in use, with what satisfies them
    ("T[0-9]{2}:[0-9]{2}:[0-9]{2}.[0-9]{3}Z", "2026-01-01T00:00:00.000Z"),
    ("T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", "2026-01-01T00:00:00Z"),
    ("[0-9]{2}:[0-9]{2}:[0-9]{2}Z", "2026-01-01T00:00:00Z"),
    ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-01-01"),
    ("\\d{4}-\\d{2}-\\d{2}", "2026-01-01"),
)


def dummy(schema: Mapping[str, Any]) -> Any:
    """A value that fits the schema as far as a guess can: its default, an example, an allowed value, else something of its type."""
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    options = schema.get("oneOf") or schema.get("anyOf")
    if options and not schema.get("properties"):
        return dummy(options[0])
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = next((one for one in ([kinds] if isinstance(kinds, str) else kinds) if one != "null"), "string")
    if kind == "object":
        merged = {**schema.get("properties", {}), **(options[0].get("properties", {}) if options else {})}
        required = {*schema.get("required", ()), *(options[0].get("required", ()) if options else ())}
        return {name: dummy(prop) for name, prop in merged.items() if name in required or _is_needed(prop)}
    if kind == "array":
        items = schema.get("items")
        return [dummy(items)] if isinstance(items, Mapping) and (schema.get("minItems") or items.get("enum")) else []
    if kind in ("integer", "number"):
        return schema.get("minimum", (schema.get("examples") or [1])[0])
    return False if kind == "boolean" else _text(schema)


def _text(schema: Mapping[str, Any]) -> Any:
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    pattern = str(schema.get("pattern", ""))
    for part, value in _DATES:
        if part in pattern:
            return value
    examples = [str(one) for one in schema.get("examples") or []]
    return next((one for one in [*examples, "made-up", "MADEUP"] if re.search(pattern, one)), "made-up")


def _is_needed(prop: Mapping[str, Any]) -> bool:
    """Whether sources tend to need a property that is not required: how to be let in, and from when on."""
    return (
        "const" in prop or "oneOf" in prop or prop.get("format") in ("date", "date-time") or "[0-9]{4}-[0-9]{2}" in str(prop.get("pattern"))
    )
