"""What a database holds: tables and views as streams, their columns with exact Arrow types, and what the configuration says about each.

A table has a cursor only where the configuration says so, by `cursor` of the table or by a name in `cursor_columns`: a column that is
called `updated_at` and that nobody maintains would lose updates in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from eco_assets.aurion.connectors.protocol import Config, Stream
from eco_assets.aurion.connectors.rows import arrow_type, decimal_type
from eco_assets.errors import ConfigError, SourceRefused

if TYPE_CHECKING:
    import sqlalchemy as sa

TABLE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "cursor": {"type": ["string", "null"], "description": "grows with every change; null: read whole every time"},
        "key": {"type": "array", "items": {"type": "string"}, "description": "for views and tables without a primary key"},
        "lookback": {"type": "number", "minimum": 0, "description": "seconds, days for a date cursor, units for a number"},
        "types": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "column: text, decimal(18,4), timestamptz...",
        },
        "deletes": {
            "type": "object",
            "description": "how deletes are known: `column` that marks a row, a `table` of deletions, or `compare_keys`",
            "additionalProperties": False,
            "properties": {
                "column": {"type": "string", "description": "true, not null or one of `values` means deleted"},
                "values": {"type": "array"},
                "table": {"type": "string"},
                "key": {"type": "object", "description": "column of the deletions table: key column of this one"},
                "cursor": {"type": "string", "description": "column of the deletions table that grows"},
                "compare_keys": {"type": "boolean"},
                "every_s": {"type": "number", "default": 0, "description": "compare keys at most this often"},
            },
        },
    },
}


@dataclass(frozen=True)
class Column:
    """One column: how Arrow holds it."""

    name: str
    type: pa.DataType
    is_nullable: bool
    sql_type: Any = None


@dataclass(frozen=True)
class Table:
    """One table or view, and how the configuration wants it read."""

    name: str
    schema: str | None
    bare_name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    cursor: str | None = None
    lookback: float | None = None
    deletes: Mapping[str, Any] = field(default_factory=dict)

    def stream(self) -> Stream:
        """As the protocol has it."""
        schema = pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in self.columns])
        return Stream(self.name, schema, self.key, self.cursor, tells_deletes=bool(self.deletes) and self.cursor is not None)

    def column(self, name: str) -> Column:
        """A column by name.

        Raises:
            ConfigError: the table has none of that name.
        """
        found = next((c for c in self.columns if c.name == name), None)
        if found is None:
            raise ConfigError(f"{self.name} has no column `{name}`; it has {', '.join(c.name for c in self.columns)}")
        return found

    @cached_property
    def source(self) -> sa.TableClause:
        """As SQLAlchemy has it, its columns without types: the driver's value as it is, where a JSON type would make floats of numbers."""
        import sqlalchemy as sa

        return sa.table(self.bare_name, *(sa.column(column.name) for column in self.columns), schema=self.schema)

    @property
    def is_ordered_by_key(self) -> bool:
        """Whether its key tells every row apart: a key with nulls in it does not."""
        return bool(self.key) and not any(self.column(name).is_nullable for name in self.key)


def tables(connection: sa.Connection, config: Config) -> Iterator[Table]:
    """Every table and view of the configured schemas."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    default = config.get("schema") or inspector.default_schema_name
    for schema in dict.fromkeys([default, *config.get("schemas", [])]):
        for name in sorted({*inspector.get_table_names(schema), *inspector.get_view_names(schema)}):
            yield _table(inspector, config, schema, name, is_default=schema == default)


def table(connection: sa.Connection, config: Config, name: str) -> Table:
    """One table by the name of its stream.

    Raises:
        SourceRefused: there is none, or we may not see it.
    """
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    default = config.get("schema") or inspector.default_schema_name
    schema, _, bare = name.rpartition(".")
    try:
        return _table(inspector, config, schema or default, bare, is_default=not schema)
    except sa.exc.NoSuchTableError:
        raise SourceRefused(f"there is no table or view `{name}`, or this user may not see it") from None


def _table(inspector: sa.Inspector, config: Config, schema: str | None, bare: str, *, is_default: bool) -> Table:
    name = bare if is_default else f"{schema}.{bare}"
    options = config.get("tables", {}).get(name, {})
    types = {column: arrow_type(word) for column, word in options.get("types", {}).items()}
    backend = inspector.dialect.name
    primary = inspector.get_pk_constraint(bare, schema).get("constrained_columns") or []
    columns = tuple(
        Column(c["name"], types.get(c["name"], _arrow(c["type"], backend)), c.get("nullable", True) and c["name"] not in primary, c["type"])
        for c in inspector.get_columns(bare, schema)
    )
    if not columns:
        raise SourceRefused(f"{name} has no column that this user may read")
    cursor = options["cursor"] if "cursor" in options else _named(columns, config.get("cursor_columns", []))
    found = Table(
        name,
        schema,
        bare,
        columns
        if backend != "sqlite"
        else tuple(Column(c.name, c.type, c.is_nullable and c.name not in primary, c.sql_type) for c in columns),
        tuple(options.get("key", primary)),
        cursor,
        options.get("lookback", config.get("lookback")),
        options.get("deletes", {}),
    )
    for used in (*found.key, *([cursor] if cursor else []), *([found.deletes["column"]] if "column" in found.deletes else [])):
        found.column(used)
    if cursor and (pa.types.is_binary(found.column(cursor).type) or pa.types.is_boolean(found.column(cursor).type)):
        raise ConfigError(
            f"`tables.{name}.cursor`: {cursor} is no cursor, its type has no look-back; take a time, a date, a number or a text"
        )
    if found.deletes and (cursor is None or not found.key):
        raise ConfigError(
            f"`tables.{name}.deletes` needs a cursor and a key: a table without a cursor is read whole, which tells deletes by itself"
        )
    return found


def _named(columns: Sequence[Column], names: Sequence[str]) -> str | None:
    return next((name for name in names for c in columns if c.name == name), None)


def _arrow(sql: Any, backend: str) -> pa.DataType:
    """The Arrow type that holds every value of an SQL type. What Arrow has no exact type for is text."""
    import sqlalchemy as sa

    visit = type(sql).__name__.upper()
    if isinstance(sql, sa.Boolean) or (visit == "BIT" and backend == "mssql"):
        return pa.bool_()
    if isinstance(sql, sa.Integer):
        return _integer(sql, visit)
    if visit in ("MONEY", "SMALLMONEY") and backend == "mssql":
        return pa.decimal128(19, 4)
    if isinstance(sql, sa.Float):
        return pa.float32() if visit == "REAL" and backend == "postgresql" else pa.float64()
    if isinstance(sql, sa.Numeric):  # without a precision the database keeps any number of digits: text
        digits, scale = sql.precision or 0, sql.scale or 0
        return decimal_type(digits, scale) if 0 <= scale <= digits <= 76 and digits else pa.string()
    if backend == "sqlite" and isinstance(sql, sa.DateTime | sa.Date | sa.Time):
        return pa.string()  # SQLite has no times: they are text there, and compared as text
    if isinstance(sql, sa.DateTime):
        has_zone = getattr(sql, "timezone", False) or visit in ("DATETIMEOFFSET",) or (visit == "TIMESTAMP" and backend == "mysql")
        return pa.timestamp("us", "UTC" if has_zone else None)
    if isinstance(sql, sa.Date):
        return pa.date32()
    if isinstance(sql, sa.LargeBinary) or visit in ("BINARY", "VARBINARY", "TIMESTAMP", "ROWVERSION", "BIT"):
        return pa.binary() if visit != "BIT" or backend == "mysql" else pa.string()
    return pa.string()


def _integer(sql: Any, visit: str) -> pa.DataType:
    if getattr(sql, "unsigned", False):
        return pa.decimal128(20, 0) if visit == "BIGINT" else pa.int64()
    if visit in ("SMALLINT", "TINYINT"):
        return pa.int16()
    return pa.int64() if visit == "BIGINT" else pa.int32() if visit in ("INTEGER", "MEDIUMINT") else pa.int64()
