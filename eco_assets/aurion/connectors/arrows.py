"""Records of foreign runtimes as Arrow: types from JSON Schema, and a buffer that keeps every value whatever type it was declared to have.

A value that does not fit its declared type turns its column into text for these rows: rows are never lost here, the drift check of the
landing decides. Objects and lists are JSON text.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

CHUNK = 10_000  # records; above it a chunk goes to a file and is memory-mapped, so that a source without checkpoints fits
_SIMPLE = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}


def schema_of(json_schema: Mapping[str, Any]) -> pa.Schema:
    """Arrow columns for the properties of a record's JSON Schema."""
    properties = json_schema.get("properties") or {}
    return pa.schema([(name, arrow_type(prop)) for name, prop in properties.items()])


def arrow_type(prop: Any) -> pa.DataType:
    """The Arrow type of one property; text for anything that has no plain one."""
    if not isinstance(prop, Mapping):
        return pa.string()
    kinds = prop.get("type")
    if kinds is None:
        options = [option for option in [*prop.get("anyOf", ()), *prop.get("oneOf", ())] if option != {"type": "null"}]
        return arrow_type(options[0]) if len(options) == 1 else pa.string()
    known = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    if known == ["string"]:
        if prop.get("format") == "date":
            return pa.date32()
        if prop.get("format") == "date-time":
            is_local = prop.get("airbyte_type") == "timestamp_without_timezone"
            return pa.timestamp("us") if is_local else pa.timestamp("us", tz="UTC")
        return pa.string()
    if set(known) == {"integer", "number"}:
        return pa.float64()
    return _SIMPLE.get(known[0], pa.string()) if len(known) == 1 else pa.string()


class Rows:
    """Records of one stream between two states."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema, self._records, self._chunks = schema, list[Mapping[str, Any]](), list[pa.Table]()
        self._folder: Path | None = None

    def __len__(self) -> int:
        return len(self._records) + sum(int(chunk.num_rows) for chunk in self._chunks)

    def add(self, record: Mapping[str, Any]) -> None:
        """Keep a record."""
        self._records.append(record)
        if len(self._records) >= CHUNK:
            self._chunks.append(self._spooled(table_of(self._records, self._schema)))
            self._records = []

    def add_table(self, table: pa.Table) -> None:
        """Keep rows that are Arrow already."""
        self._chunks.append(table)

    def take(self) -> pa.Table:
        """All records as one table; the buffer is empty after it."""
        chunks = [*self._chunks, table_of(self._records, self._schema)] if self._records or not self._chunks else self._chunks
        self._records, self._chunks = [], []
        taken = united(chunks)
        self.forget()
        return taken

    def forget(self) -> None:
        """Remove the files; tables that were taken stay readable, as their maps are open."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder, self._chunks = None, []

    def _spooled(self, table: pa.Table) -> pa.Table:
        self._folder = self._folder or Path(tempfile.mkdtemp(prefix="eco-read-"))
        path = self._folder / f"{len(self._chunks)}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()


def table_of(records: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Records as a table: the declared columns first, then the others in the order they appear."""
    names = dict.fromkeys(schema.names)
    for record in records:
        names.update(dict.fromkeys(record))
    types = {field.name: field.type for field in schema}
    columns = {name: _column([record.get(name) for record in records], types.get(name)) for name in names}
    return pa.table(columns) if columns else schema.empty_table()


def united(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables below each other; a column of two types becomes text."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    torn = {name for name, types in kinds.items() if len(types) > 1}
    return pa.concat_tables([_as_text(table, torn) for table in tables], promote_options="default")


def _as_text(table: pa.Table, names: Iterable[str]) -> pa.Table:
    for name in names:
        if name in table.schema.names:
            index = table.schema.get_field_index(name)
            table = table.set_column(index, name, pa.array([text(value) for value in table[name].to_pylist()], pa.string()))
    return table


def _column(values: list[Any], kind: pa.DataType | None) -> pa.Array:
    try:
        if kind is None:
            return _inferred(values)
        if pa.types.is_timestamp(kind):
            return pa.array([None if value is None else _moment(value) for value in values], kind)
        if pa.types.is_date(kind):
            return pa.array([None if value is None else date.fromisoformat(value) for value in values], kind)
        if pa.types.is_string(kind):
            return pa.array([value if value is None or isinstance(value, str) else text(value) for value in values], kind)
        if pa.types.is_integer(kind) and any(isinstance(value, bool | float) for value in values):
            return pa.array([text(value) for value in values], pa.string())
        return pa.array(values, kind)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return pa.array([text(value) for value in values], pa.string())


def _inferred(values: list[Any]) -> pa.Array:
    if any(isinstance(value, dict | list) for value in values):
        return pa.array([text(value) for value in values], pa.string())
    found = pa.array(values)
    return found.cast(pa.string()) if pa.types.is_null(found.type) else found


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError("a moment is text")
    return datetime.fromisoformat(value)


def text(value: Any) -> str | None:
    """A value as text: JSON for what has parts and for truth, ISO 8601 for moments."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)
