"""Writes a table the way its real file is written: delimiter, quotes, line ends, byte-order mark, Parquet.

Belongs here: formats and atomic writing. Stays out: what the values are.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Column = Sequence[object]


@dataclass(frozen=True)
class Layout:
    """How a text file is written.

    Attributes:
        delimiter: between two fields.
        newline: after each row.
        encoding: `utf-8`, or `utf-8-sig` for a byte-order mark.
        quoted: columns whose values always stand in quotes; None quotes only where the format needs it.
        has_quoted_header: whether the column names stand in quotes; only with `quoted`.
    """

    delimiter: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"
    quoted: frozenset[str] | None = None
    has_quoted_header: bool = True


@dataclass(frozen=True)
class Table:
    """A file of the twin: its path below the root, and its columns in the order of the file."""

    path: str
    columns: dict[str, Column]
    layout: Layout = Layout()

    @property
    def rows(self) -> int:
        """Number of data rows."""
        return len(next(iter(self.columns.values())))


def write(root: Path, table: Table) -> int:
    """Write a table below `root`, as Parquet when its path ends so, and return its number of rows."""
    if table.path.endswith(".parquet"):
        _replace(root / table.path, _parquet(table))
    elif table.layout.quoted is None:
        _replace(root / table.path, _plain(table))
    else:
        _replace(root / table.path, _quoted(table, table.layout.quoted))
    return table.rows


def write_json(path: Path, content: object) -> None:
    """Write JSON with sorted keys, atomically."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1)
    _replace(path, (text + "\n").encode())


def _replace(path: Path, content: bytes) -> None:
    """A reader sees the old file or the new one, never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.write_bytes(content)
    draft.replace(path)


def _plain(table: Table) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=table.layout.delimiter, lineterminator=table.layout.newline)
    writer.writerow(table.columns)
    writer.writerows(zip(*table.columns.values(), strict=True))
    return buffer.getvalue().encode(table.layout.encoding)


def _quoted(table: Table, quoted: frozenset[str]) -> bytes:
    layout = table.layout
    names = [f'"{name}"' if layout.has_quoted_header else name for name in table.columns]
    columns = [
        [f'"{value}"' for value in values] if name in quoted else [str(value) for value in values] for name, values in table.columns.items()
    ]
    lines = [layout.delimiter.join(row) for row in (names, *zip(*columns, strict=True))]
    return "".join(line + layout.newline for line in lines).encode(layout.encoding)


def _parquet(table: Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: list(values) for name, values in table.columns.items()}), sink)
    return bytes(sink.getvalue().to_pybytes())


def hex_ids(rng: np.random.Generator, count: int) -> list[str]:
    """`count` identifiers of 32 hexadecimal characters."""
    text = rng.bytes(16 * count).hex()
    return [text[at : at + 32] for at in range(0, len(text), 32)]


def stamps(moments: NDArray[np.datetime64]) -> list[str]:
    """Moments as `2026-10-31 23:59:59`; a moment that is not known (NaT) is an empty string."""
    text = np.datetime_as_string(moments.astype("datetime64[s]"), unit="s")
    return ["" if value == "NaT" else value.replace("T", " ") for value in text.tolist()]


def dates(days: NDArray[np.datetime64]) -> list[str]:
    """Days as `2026-10-31`."""
    return [str(value) for value in np.datetime_as_string(days.astype("datetime64[D]")).tolist()]


def numbers(values: NDArray[np.float64], digits: int) -> list[float]:
    """Rounded floats that print in their shortest form."""
    return [float(value) for value in np.round(values, digits).tolist()]


def fixed(values: NDArray[np.float64], digits: int = 2) -> list[str]:
    """Floats as text with exactly `digits` decimals."""
    return [f"{value:.{digits}f}" for value in values.tolist()]


def pick(names: Sequence[str], index: NDArray[np.int64]) -> list[str]:
    """The name at each index."""
    return [names[at] for at in index.tolist()]
