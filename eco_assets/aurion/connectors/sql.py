"""The finance database connector: PostgreSQL, MySQL, SQL Server and any SQLAlchemy URL behind the protocol's four calls.

Addresses and errors are in `sql_dialects.py`, tables in `sql_tables.py`, rows as Arrow in `sql_read.py`, what a reading takes in
`sql_changes.py` and `sql_sweep.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from eco_assets.aurion.connectors import sql_changes, sql_tables
from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.aurion.connectors.sql_dialects import DIALECTS
from eco_assets.aurion.connectors.sql_read import session
from eco_assets.aurion.connectors.validation import validate
from eco_assets.errors import ConfigError

_COMMON: dict[str, Any] = {
    "schema": {"type": "string", "description": "the schema whose tables are named without it; the database's default"},
    "schemas": {"type": "array", "items": {"type": "string"}, "description": "further schemas; their tables are named schema.table"},
    "cursor_columns": {"type": "array", "items": {"type": "string"}, "default": [], "description": "columns of these names are cursors"},
    "lookback": {"type": "number", "minimum": 0, "description": "read again below the newest cursor: 300 s, 1 day, 1000 units by default"},
    "batch_rows": {"type": "integer", "minimum": 1, "default": 50_000},
    "connect_timeout_s": {"type": "number", "default": 15},
    "statement_timeout_s": {"type": "number", "default": 3600},
    "tables": {"type": "object", "additionalProperties": dict(sql_tables.TABLE_SCHEMA), "description": "by name of the stream"},
}


class SqlConnector:
    """One kind of database: `postgres`, `mysql`, `sqlserver` or `sql` (any SQLAlchemy URL whose driver is installed)."""

    def __init__(self, dialect: str = "sql") -> None:
        if dialect not in DIALECTS:
            raise ConfigError(f"there is no database dialect `{dialect}`: there are {', '.join(DIALECTS)}")
        self.dialect = DIALECTS[dialect]

    def spec(self) -> Spec:
        """The configuration that it takes."""
        own = self.dialect.properties()
        required = ["url"] if "url" in own else ["host", "database", "user", "password"]
        return Spec({"type": "object", "required": required, "properties": {**own, **_COMMON}, "additionalProperties": False})

    def check(self, config: Config) -> None:
        """Connect and ask for 1."""
        import sqlalchemy as sa

        self._validate(config)
        with session(self.dialect, config) as opened:
            opened.execute(sa.select(sa.literal(1)))

    def discover(self, config: Config) -> Sequence[Stream]:
        """Tables and views with their columns, primary keys and configured cursors."""
        self._validate(config)
        with session(self.dialect, config) as opened, opened.translating("reading the catalogue"):
            return [table.stream() for table in sql_tables.tables(opened.connection, config)]

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Generator[Batch]:
        """Rows of the streams in one snapshot; the whole table where a stream has no cursor."""
        self._validate(config)
        state = dict(state)
        with session(self.dialect, config) as opened:
            place = f"{opened.backend} {config.get('host', '')}/{opened.connection.engine.url.database}"
            for stream in streams:
                with opened.translating(f"reading {stream.name}"):
                    table = sql_tables.table(opened.connection, config, stream.name)
                if stream.cursor is None:
                    parts = sql_changes.whole(opened, table)
                else:
                    parts = sql_changes.changes(opened, table, dict(state.get(stream.name) or {}))
                with closing(parts):  # before the connection: a reading that is given up leaves a result half read
                    for part in parts:
                        state = {**state, stream.name: part.entry}
                        told = f" {part.cursor_from} to {part.cursor_to}" if part.cursor_to else ""
                        yield Batch(stream.name, part.rows, state, f"{place} {stream.name}{told}", part.cursor_from, part.cursor_to)

    def _validate(self, config: Config) -> None:
        validate(config, self.spec())
