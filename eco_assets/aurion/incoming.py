"""What arrived, as DuckDB relations: a CSV or Parquet file, or Arrow rows of a connector. Judging it is `landing.py`'s.

Every arrival can be read as text, which finds and names each broken row. Most can also be read typed, several times faster; that way is
taken first, and left for the slow one as soon as anything is not as promised. Both give the same rows for the same input.
"""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.contracts.check import literal, quoted
from eco_assets.contracts.contract import Column, Contract
from eco_assets.errors import DataRejected

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_CHUNK = 1 << 20
_READ_AS = {"INTEGER": "DOUBLE", "BIGINT": "DECIMAL(28, 9)"}  # wide enough to see a fraction that a cast would round away
ROWS = "arrived"  # the name that Arrow rows are registered by


@dataclass(frozen=True)
class Incoming:
    """An arrival.

    `texts` is SQL of a relation with every promised column as text, under its physical name, and the unannounced ones.
    `typed` is SQL of the same relation with typed columns, or None where the types cannot be had without reading text.
    `extra` names columns that the contract does not; `missing` those that it does and that are not there.
    """

    texts: str
    typed: str | None
    extra: tuple[str, ...]
    missing: tuple[str, ...]
    present: tuple[str, ...]


def of_file(db: duckdb.DuckDBPyConnection, contract: Contract, path: Path) -> Incoming:
    """A file. Raises `DataRejected` when it cannot even be read as a table."""
    if path.stat().st_size == 0:
        raise DataRejected("the file is empty; send it again with its content")
    if contract.file_format == "parquet":
        return _of_relation(contract, f"read_parquet({literal(str(path))})", _parquet_columns(db, path))
    present = _csv_columns(contract, path)
    texts, typed = _csv(contract, path, present), None
    formats = {column.date_format for column in contract.columns if column.date_format}
    if not formats:  # one format is given for a whole file, so a file that has any is read as text
        typed = _csv(contract, path, present, {column.physical_name: _read_as(column) for column in contract.columns})
    return _incoming(contract, texts, typed, present)


def of_rows(db: duckdb.DuckDBPyConnection, contract: Contract, rows: pa.Table) -> Incoming:
    """Rows of a connector; lists and structs become JSON text, times with a zone become UTC without one."""
    db.register(ROWS, rows)
    described = dict(_described(db, ROWS))
    return _of_relation(contract, ROWS, described)


def _of_relation(contract: Contract, relation: str, present: dict[str, str]) -> Incoming:
    texts = ", ".join(f"{_as_text(name, kind)} AS {quoted(name)}" for name, kind in present.items())
    promised = {column.physical_name: column for column in contract.columns}
    is_typed = all(_fits(column, present[name]) for name, column in promised.items() if name in present)
    as_they_are = ", ".join(quoted(n) if n in promised else f"{_as_text(n, kind)} AS {quoted(n)}" for n, kind in present.items())
    typed = f"(SELECT {as_they_are} FROM {relation})"
    return _incoming(contract, f"(SELECT {texts} FROM {relation})", typed if is_typed else None, list(present))


def _incoming(contract: Contract, texts: str, typed: str | None, present: list[str]) -> Incoming:
    known = {column.physical_name for column in contract.columns}
    extra = tuple(name for name in present if name not in known and name not in contract.ignored_columns)
    taken = {name.casefold() for name in (*known, *(column.name for column in contract.columns))}
    clash = [name for name in extra if name.casefold() in taken or name.casefold().startswith("_eco_")]
    if clash or len({name.casefold() for name in extra}) < len(extra):
        raise DataRejected(
            f"column {', '.join(clash or extra)} has a name that is taken, upper and lower case aside; rename it in the source"
        )
    missing = tuple(column.physical_name for column in contract.columns if column.physical_name not in present)
    return Incoming(texts, typed, extra, missing, tuple(present))


def without(came: Incoming, contract: Contract) -> Incoming:
    """The arrival with every promised column that is not there as an empty one."""
    columns = [column for column in contract.columns if column.physical_name in came.missing]
    empty = "".join(f", NULL::VARCHAR AS {quoted(column.physical_name)}" for column in columns)
    typed = "".join(f", NULL::{_read_as(column)} AS {quoted(column.physical_name)}" for column in columns)
    return replace(
        came,
        texts=f"(SELECT *{empty} FROM {came.texts})",
        typed=f"(SELECT *{typed} FROM {came.typed})" if came.typed is not None else None,
    )


def _csv(contract: Contract, path: Path, present: list[str], types: dict[str, str] | None = None) -> str:
    kinds = types or {}
    shape = ", ".join(f"{literal(name)}: {literal(kinds.get(name, 'VARCHAR'))}" for name in present)
    encoding = "utf-8" if contract.encoding.startswith("utf-8") else contract.encoding
    nulls = ", ".join(literal(text) for text in contract.columns[0].null_strings)
    meaning = f", nullstr=[{nulls}]" if types else ""
    return f"""read_csv({literal(str(path))}, encoding='{encoding}', auto_detect=false, header=true, delim='{contract.delimiter}',
               quote='"', escape='"', strict_mode=true, columns={{{shape}}}{meaning})"""


def _read_as(column: Column) -> str:
    return _READ_AS.get(column.sql_type, column.sql_type)


def whole(column: Column) -> str:
    """SQL of a typed column that was read wider: the number, or an error where it has a fraction."""
    value = quoted(column.physical_name)
    if column.sql_type not in _READ_AS:
        return f"CAST({value} AS {column.sql_type})"
    return f"CASE WHEN {value} IS NULL OR {value} = trunc({value}) THEN CAST({value} AS {column.sql_type}) ELSE error('a fraction') END"


def _as_text(name: str, kind: str) -> str:
    value = quoted(name)
    if kind == "VARCHAR":
        return value
    if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP")):
        return f"CAST(to_json({value}) AS VARCHAR)"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"CAST(timezone('UTC', {value}) AS VARCHAR)"
    return f"CAST({value} AS VARCHAR)"


def _fits(column: Column, kind: str) -> bool:
    """Whether every value of a column of this type can be cast to the promised one without loss."""
    wanted, given = column.sql_type.replace(" ", ""), kind.replace(" ", "")
    if wanted.startswith("DECIMAL") and given.startswith("DECIMAL"):
        (most, scale), (digits, places) = (tuple(int(n) for n in text[8:-1].split(",")) for text in (wanted, given))
        return places == scale and digits <= most
    narrower = {"BIGINT": ("INTEGER", "SMALLINT", "TINYINT"), "INTEGER": ("SMALLINT", "TINYINT"), "DOUBLE": ("FLOAT",)}
    return given == wanted or given in narrower.get(wanted, ())


def _parquet_columns(db: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    import duckdb

    try:
        return dict(_described(db, f"read_parquet({literal(str(path))})"))
    except duckdb.Error as error:
        raise DataRejected(f"the Parquet file is truncated or damaged ({str(error).splitlines()[0]}); send it again") from error


def _described(db: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in db.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def _csv_columns(contract: Contract, path: Path) -> list[str]:
    """The header's names, after the whole file was found to be in the promised encoding."""
    decoder, lines = codecs.getincrementaldecoder(contract.encoding)(), 1
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                line = lines + error.object[: error.start].count(b"\n")
                raise DataRejected(
                    f"line {line} is not {contract.encoding} (byte 0x{error.object[error.start]:02x}); save the file as {contract.encoding}"
                ) from error
            lines += chunk.count(b"\n")
    with path.open(encoding=contract.encoding, newline="") as text:
        header = text.readline()
    names = next(csv.reader(io.StringIO(header), delimiter=contract.delimiter), [])
    if len(set(names)) < len(names):
        raise DataRejected("two columns have the same name; rename one in the source")
    return names


def widened(contract: Contract, names: set[str]) -> Contract:
    """The contract as it would be if these whole-number columns were wide enough for what arrived."""
    columns = tuple(replace(column, sql_type="BIGINT") if column.name in names else column for column in contract.columns)
    return replace(contract, columns=columns)
