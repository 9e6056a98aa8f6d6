"""One connection in one consistent read-only transaction, and rows from it as Arrow.

PostgreSQL rows come by `COPY ... TO STDOUT (FORMAT csv)` into Arrow's CSV reader: no Python object a value, decimals exact, on the same
connection and snapshot as everything else of a reading. Measured on 200 thousand rows of 8 columns (tests/benchmarks/connectors.py) beside
connectorx, DuckDB's scanner and rows through SQLAlchemy. connectorx was left out because it opens connections of its own (another snapshot,
no session settings) and makes every NUMERIC a decimal(38,10), which cuts longer fractions. MySQL gives rows as lines of CSV by `CONCAT`,
other databases give rows.

dlt's `sql_table` was left out for reading: its cursor either remembers rows of equal value (then there is no look-back) or looks back (then
rows come twice), it has no tie-break on a key, and its connectorx backend has the faults above.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from eco_assets.aurion.connectors.protocol import Config
from eco_assets.aurion.connectors.rows import typed
from eco_assets.aurion.connectors.sql_dialects import Dialect, translated
from eco_assets.aurion.connectors.sql_tables import Column
from eco_assets.errors import EcoError, SourceRefused

if TYPE_CHECKING:
    import sqlalchemy as sa


class Session:
    """One connection. `oldest` is when the oldest transaction in flight began, as far as the database tells."""

    def __init__(self, dialect: Dialect, config: Config) -> None:
        self.dialect, self.config = dialect, config
        self.batch_rows = int(config.get("batch_rows", 50_000))
        self.connection: sa.Connection
        self.oldest: Any = None

    @property
    def backend(self) -> str:
        """SQLAlchemy's name of the database."""
        return self.connection.dialect.name

    def execute(self, statement: Any, parameters: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """All rows of a small query."""
        with self.translating("asking the database"):
            return self.connection.execute(statement, parameters or {}).fetchall()

    def stream(self, select: sa.Select[Any], columns: Sequence[Column]) -> Iterator[pa.Table]:
        """Rows of a query in tables of at most `batch_rows` rows; columns that do not fit their type are text."""
        with self.translating("reading"):
            if self.backend == "postgresql" and self.connection.dialect.driver == "psycopg":
                yield from self._copied(select, columns)
            elif self.backend == "mysql" and self.connection.dialect.driver == "pymysql":
                yield from self._lined(select, columns)
            else:
                yield from self._fetched(select, columns)

    def _copied(self, select: sa.Select[Any], columns: Sequence[Column]) -> Iterator[pa.Table]:
        sql = str(select.compile(self.connection, compile_kwargs={"render_postcompile": True}))
        bound = select.compile(self.connection).params
        raw: Any = self.connection.connection.driver_connection
        chunks: list[bytes] = []
        with raw.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)", bound) as copy:
            for chunk in copy:  # one row each
                chunks.append(bytes(chunk))
                if len(chunks) >= self.batch_rows:
                    yield parsed(b"".join(chunks), columns)
                    chunks = []
        if chunks:
            yield parsed(b"".join(chunks), columns)

    def _lined(self, select: sa.Select[Any], columns: Sequence[Column]) -> Iterator[pa.Table]:
        """MySQL has no COPY: its server is asked for each row as one line of CSV, so that the driver makes one Python object a row."""
        import sqlalchemy as sa

        format_column = self.connection.dialect.identifier_preparer.format_column
        # A `%` in a name is doubled by `format_column` and once more by `literal_column`.
        values = [
            _csv_value(column, format_column(source).replace("%%", "%"))
            for column, source in zip(columns, select.selected_columns, strict=True)
        ]
        line: sa.ColumnElement[str] = sa.literal_column("CONCAT(" + ", ',', ".join(values) + ")")
        for part in self._partitions(select.with_only_columns(line, maintain_column_froms=True)):
            lines = [row[0] for row in part]
            if None in lines:
                raise SourceRefused("a row is longer than the server's max_allowed_packet: raise that, or leave its column out by a view")
            yield parsed("\n".join(lines).encode(), columns)

    def _fetched(self, select: sa.Select[Any], columns: Sequence[Column]) -> Iterator[pa.Table]:
        for part in self._partitions(select):
            values = zip(*part, strict=True)
            yield pa.table({column.name: typed(list(value), column.type) for column, value in zip(columns, values, strict=True)})

    def _partitions(self, select: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        options = {"stream_results": self.dialect.is_streaming, "max_row_buffer": self.batch_rows}
        result = self.connection.execution_options(**options).execute(select)
        unread = getattr(result.cursor, "_result", None)
        try:
            yield from result.partitions(self.batch_rows)
        finally:
            if self.backend == "mysql" and unread is not None:
                unread.unbuffered_active = False  # else pymysql reads what is left, be it a million rows or a closed socket

    @contextmanager
    def translating(self, doing: str) -> Iterator[None]:
        """Errors of drivers as ours, with what we were doing and without a secret."""
        try:
            yield
        except (EcoError, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001 -- drivers raise what they like; none of it may show a password
            raise translated(error, doing, self.config) from None


@contextmanager
def session(dialect: Dialect, config: Config) -> Iterator[Session]:
    """A connection in one transaction, thrown away afterwards.

    Raises:
        ConfigError: the address cannot be read.
        SourceRefused: we are not let in.
        SourceUnavailable: nobody answers.
    """
    import sqlalchemy as sa

    url = dialect.url(config)
    known = url.get_backend_name()
    options = {"isolation_level": dialect.isolation} if dialect.isolation else {}
    engine = sa.create_engine(url, connect_args=dialect.connect(config), poolclass=sa.NullPool, hide_parameters=True, **options)
    opened = Session(dialect, config)
    try:
        with opened.translating(f"connecting to {_place(url)}"):
            if dialect.oldest:
                with engine.connect() as first:
                    opened.oldest = first.execute(sa.text(dialect.oldest)).scalar()
            opened.connection = engine.connect()
            for line in dialect.session(config):
                opened.connection.exec_driver_sql(line)
            if known == "sqlite":
                opened.connection.exec_driver_sql("BEGIN")  # the driver begins only at a write: each SELECT would see another state
        yield opened
    finally:
        if hasattr(opened, "connection"):
            opened.connection.invalidate()  # a stream may be open: there is nothing to commit and nothing to keep
            opened.connection.close()
        engine.dispose()


def _place(url: sa.URL) -> str:
    return f"{url.get_backend_name()} {url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def parsed(text: bytes, columns: Sequence[Column]) -> pa.Table:
    """CSV as PostgreSQL writes it (null is nothing, an empty string is "") as a table."""
    import pyarrow.csv as pc

    as_text = {column.name: pa.string() for column in columns}
    direct = {
        column.name: column.type for column in columns if not (pa.types.is_binary(column.type) or pa.types.is_decimal256(column.type))
    }
    try:
        found, done = _csv(text, pc, as_text | direct), direct
    except pa.ArrowInvalid:  # 'infinity', 'NaN', a year before Christ: text in this batch, for the landing to name
        found, done = _csv(text, pc, as_text), {}
    return pa.table({c.name: found[c.name] if c.name in done else _cast(found[c.name], c.type) for c in columns})


def _csv(text: bytes, pc: Any, types: Mapping[str, pa.DataType]) -> pa.Table:
    return pc.read_csv(
        io.BytesIO(text),
        read_options=pc.ReadOptions(column_names=list(types), use_threads=False, block_size=max(1 << 20, min(len(text) + 1, 1 << 30))),
        parse_options=pc.ParseOptions(newlines_in_values=b'"' in text),
        convert_options=pc.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


def _csv_value(column: Column, quoted: str) -> str:
    """SQL for a value as CSV: nothing is null, text is in quotes, bytes are hex, a moment says that it is UTC."""
    if pa.types.is_binary(column.type):
        return f"IFNULL(CONCAT('\"', HEX({quoted}), '\"'), '')"
    if column.type == pa.string():
        return f"""IFNULL(CONCAT('"', REPLACE(CONVERT({quoted} USING utf8mb4), '"', '""'), '"'), '')"""
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return f"IFNULL(CONCAT({quoted}, 'Z'), '')"
    return f"IFNULL({quoted}, '')"


def _cast(texts: pa.ChunkedArray, wanted: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if wanted == pa.string():
        return texts
    values = texts.to_pylist()
    if pa.types.is_binary(wanted):
        return pa.array([None if value is None else bytes.fromhex(value.removeprefix("\\x")) for value in values], wanted)
    return typed(values, wanted)


def refuse_text(found: pa.Table, columns: Sequence[Column], names: Sequence[str], table: str) -> None:
    """A key or a cursor must have the type that the database says, or nothing can be resumed by it.

    Raises:
        SourceRefused: it has a value that does not fit, such as 'infinity'.
    """
    for column in columns:
        if column.name in names and found.schema.field(column.name).type != column.type:
            raise SourceRefused(f"{table}.{column.name} holds a value that is no {column.type}: correct it in the source")
