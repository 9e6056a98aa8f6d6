"""The tables of the synchronisation's file, and how a property's value is kept in them."""

from __future__ import annotations

from datetime import date
from typing import Any

from notion_sync.documents.tree import Property

SCHEMA = """
CREATE TABLE IF NOT EXISTS page (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, ref TEXT, state TEXT NOT NULL, document TEXT NOT NULL, wanted TEXT NOT NULL, said TEXT NOT NULL,
  version INTEGER NOT NULL, etag TEXT NOT NULL, entries TEXT NOT NULL, known TEXT NOT NULL, properties TEXT NOT NULL, pictures TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
  id INTEGER PRIMARY KEY, page TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, page TEXT NOT NULL, key TEXT NOT NULL, who TEXT NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL, at TEXT NOT NULL, source_id TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS conflict (
  id INTEGER PRIMARY KEY AUTOINCREMENT, page TEXT NOT NULL, key TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, at TEXT NOT NULL,
  closed_at TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS version (
  page TEXT NOT NULL, n INTEGER NOT NULL, markdown TEXT NOT NULL, sha256 TEXT NOT NULL, author TEXT NOT NULL, cause TEXT NOT NULL,
  at TEXT NOT NULL, PRIMARY KEY (page, n)
) STRICT;
CREATE TABLE IF NOT EXISTS comment (page TEXT NOT NULL, id TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (page, id)) STRICT;
CREATE TABLE IF NOT EXISTS place (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
"""


def to_json(value: Property) -> Any:
    """A property's value as JSON says it."""
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return list(value) if isinstance(value, tuple) else value


def from_json(value: Any) -> Property:
    """The value that `to_json` wrote."""
    if isinstance(value, dict):
        return date.fromisoformat(value["date"])
    return tuple(value) if isinstance(value, list) else value
