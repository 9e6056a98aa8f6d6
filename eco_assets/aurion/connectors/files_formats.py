"""Rows of one file: CSV, JSON lines and Parquet, gzipped or not. What a file cannot say exactly (the types of a CSV) comes as text."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import IO, Any

import pyarrow as pa

from eco_assets.aurion.connectors.rows import arrow_type, column, read_json, table
from eco_assets.errors import SourceRefused

FORMATS = ("csv", "jsonl", "parquet")
_ENDINGS = {
    "csv": "csv",
    "txt": "csv",
    "tsv": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
    "pq": "parquet",
}


def format_of(name: str, options: Mapping[str, Any]) -> str:
    """The format of a file: as configured, or by its ending.

    Raises:
        SourceRefused: neither says.
    """
    if "format" in options:
        return str(options["format"])
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in _ENDINGS:
        raise SourceRefused(f"{name}: its ending says no format; set `format` of its stream to one of {', '.join(FORMATS)}")
    return _ENDINGS[ending]


def tables_of(file: IO[bytes], name: str, kind: str, options: Mapping[str, Any], batch_rows: int) -> Iterator[pa.Table]:
    """Rows of a file in tables of at most `batch_rows`.

    Raises:
        SourceRefused: the file is damaged; names it and, where it can, the line.
    """
    readers = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
    try:
        for part in readers[kind](_unpacked(file), name, options, batch_rows):
            for at in range(0, part.num_rows, batch_rows):
                yield part.slice(at, batch_rows)
    except (pa.ArrowException, EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise SourceRefused(f"{name} cannot be read as {kind}: {' '.join(str(error).split())[:200]}") from None


def columns_of(file: IO[bytes], kind: str, options: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """Columns of a file, by its first rows."""
    first = next(tables_of(file, "the newest file", kind, options, 1000), None)
    return {} if first is None else dict(zip(first.column_names, first.schema.types, strict=True))


def _unpacked(file: IO[bytes]) -> Any:
    is_packed = file.read(2) == b"\x1f\x8b"  # by what it is: not every .gz is named so
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_packed else file


def _csv(file: Any, name: str, options: Mapping[str, Any], batch_rows: int) -> Iterator[pa.Table]:
    import pyarrow.csv as pc

    if not file.read(1):
        return  # an empty file has no rows
    file.seek(0)
    header = pc.open_csv(file, *_csv_options(pc, options, {}))
    names = header.schema.names
    if len(set(names)) < len(names):
        raise SourceRefused(f"{name} has a column twice: {', '.join(sorted({n for n in names if names.count(n) > 1}))}")
    file.seek(0)
    held: list[pa.RecordBatch] = []
    for part in pc.open_csv(file, *_csv_options(pc, options, dict.fromkeys(names, pa.string()))):
        held.append(part)
        if sum(one.num_rows for one in held) >= batch_rows:
            yield _typed(pa.Table.from_batches(held), options.get("fields", {}))
            held = []
    if held:
        yield _typed(pa.Table.from_batches(held), options.get("fields", {}))


def _csv_options(pc: Any, options: Mapping[str, Any], types: Mapping[str, pa.DataType]) -> tuple[Any, Any, Any]:
    return (
        pc.ReadOptions(use_threads=False, encoding=options.get("encoding", "utf-8").replace("utf-8-sig", "utf-8")),
        pc.ParseOptions(delimiter=options.get("delimiter", ","), newlines_in_values=True),
        pc.ConvertOptions(
            column_types=types,
            null_values=options.get("null_strings", [""]),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _typed(rows: pa.Table, fields: Mapping[str, str]) -> pa.Table:
    """Text columns in their declared types; in the type of text where a value does not fit."""
    for at, name in enumerate(rows.column_names):
        if name in fields and arrow_type(fields[name]) != pa.string():
            try:
                values = rows[name].cast(arrow_type(fields[name]))
            except pa.ArrowException:
                values = column(rows[name].to_pylist(), fields[name])
            rows = rows.set_column(at, name, values)
    return rows


def _jsonl(file: Any, name: str, options: Mapping[str, Any], batch_rows: int) -> Iterator[pa.Table]:
    numbered = enumerate(file, start=1)
    while lines := list(islice(numbered, batch_rows)):
        rows = [_row(line, name, number) for number, line in lines if line.strip()]
        if rows:
            yield table(rows, options.get("fields", {}))


def _row(line: bytes, name: str, number: int) -> Mapping[str, Any]:
    try:
        row = read_json(line)
    except ValueError as error:
        raise SourceRefused(f"{name}, line {number}: no JSON: {error}") from None
    if not isinstance(row, Mapping):
        raise SourceRefused(f"{name}, line {number}: no JSON object")
    return row


def _parquet(file: Any, name: str, options: Mapping[str, Any], batch_rows: int) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    source = file if not isinstance(file, gzip.GzipFile) else pa.BufferReader(file.read())
    for part in pq.ParquetFile(source).iter_batches(batch_rows):
        yield pa.Table.from_batches([part])
