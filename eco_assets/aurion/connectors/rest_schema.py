"""What a shape and a connection to a REST source may say, as JSON Schema. How it is read is in `rest_shape.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT: Mapping[str, Any] = {"type": "string"}
_TEXTS: Mapping[str, Any] = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_CURSOR: Mapping[str, Any] = {
    "type": "object",
    "required": ["field"],
    "additionalProperties": False,
    "properties": {
        "field": {**_TEXT, "description": "path of the value in a row, such as updated_at or meta.changed"},
        "type": {"enum": ["timestamptz", "timestamp_utc", "bigint"], "default": "timestamptz"},
        "params": {**_TEXTS, "description": "sent with every request; {from} and {to} are the window"},
        "time_format": {**_TEXT, "default": "%Y-%m-%dT%H:%M:%SZ"},
        "resolution": {"type": "number", "default": 1, "description": "asked for that much more: the source may leave its bounds out"},
        "is_ordered": {"type": "boolean", "default": False, "description": "rows come by growing cursor"},
        "lookback": {"type": "number", "default": 300, "description": "seconds, or units of a number"},
        "start": {"type": ["string", "integer"], "description": "the beginning, where none is configured"},
    },
}
_ENDPOINT: Mapping[str, Any] = {
    "path": _TEXT,
    "data": {**_TEXT, "description": "path of the rows in an answer; empty: the answer is the list"},
    "params": _TEXTS,
    "paging": {
        "type": "object",
        "description": "dlt's words: page_number, offset, header_link, json_link, cursor, header_cursor, single_page",
    },
    "total": {
        "type": "object",
        "properties": {"header": _TEXT, "path": _TEXT},
        "description": "where an answer says how many rows there are",
    },
}
STREAM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["path"],
    "additionalProperties": False,
    "properties": {
        **_ENDPOINT,
        "key": {"type": "array", "items": _TEXT},
        "cursor": dict(_CURSOR),
        "fields": {"type": "object", "additionalProperties": _TEXT, "description": "column: type word; every other field comes as text"},
        "detail": {**_TEXT, "description": "path of one row, such as orders/{id}: asked for each row that changed"},
        "children": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["path"],
                "properties": {"path": _TEXT, "parent": _TEXTS, "key": {"type": "array", "items": _TEXT}, "fields": _TEXTS},
            },
        },
        "deletes": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "field": _TEXT,
                "values": {"type": "array"},
                "endpoint": {"type": "object", "properties": {**_ENDPOINT, "cursor": dict(_CURSOR), "key": _TEXTS}},
                "compare_keys": {"type": "object", "properties": {**_ENDPOINT, "item": _TEXT, "every_s": {"type": "number"}}},
            },
        },
    },
}
SHAPE_SCHEMA: Mapping[str, Any] = {
    "base_url": {"type": "string", "pattern": "^https?://"},
    "auth": {
        "type": "object",
        "description": "dlt's words: bearer, api_key (in a header), http_basic, oauth2_client_credentials",
        "properties": {name: {"type": "string", "writeOnly": True} for name in ("token", "api_key", "password", "client_secret")},
    },
    "headers": _TEXTS,
    "secret_headers": {**_TEXTS, "writeOnly": True},
    "check": {
        "type": "object",
        "properties": {"path": _TEXT, "params": _TEXTS},
        "description": "what to ask for to see whether we are let in",
    },
    "rate": {"type": "object", "properties": {"per_second": {"type": "number"}, "burst": {"type": "integer"}}},
    "streams": {"type": "object", "additionalProperties": dict(STREAM_SCHEMA)},
}
COMMON: Mapping[str, Any] = {
    "start": {**_TEXT, "description": "ISO 8601 moment to read from, the first time"},
    "lookback": {"type": "number", "minimum": 0, "description": "overrides the streams' own"},
    "page_size": {"type": "integer", "minimum": 1},
    "compare_keys_every_s": {"type": "number", "minimum": 0, "description": "overrides the streams' own"},
    "requests_per_second": {"type": "number", "minimum": 0, "description": "overrides the shape's rate; 0: none"},
    "max_attempts": {"type": "integer", "minimum": 1, "default": 8},
    "max_wait_s": {"type": "number", "default": 300, "description": "of all waits of one request"},
    "timeout_s": {"type": "number", "default": 60},
}
