"""A data contract guessed from a sample file: DuckDB's types, required where it has no gap, confidential until somebody says less."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_assets.errors import ConfigError

_TYPES = {"BIGINT": "integer", "DOUBLE": "number", "BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp", "VARCHAR": "string"}


@dataclass(frozen=True)
class SampleColumn:
    """A column of the sample: its name in the lake and in the file, its type, whether every row has a value."""

    name: str
    physical_name: str
    sql_type: str
    is_full: bool


@dataclass(frozen=True)
class Sample:
    """What a sample file says about its kind."""

    delimiter: str
    columns: tuple[SampleColumn, ...]


def read_sample(path: Path) -> Sample:
    """Read a CSV file with a header.

    Raises:
        ConfigError: it cannot be read as one, or has no row.
    """
    import duckdb

    try:
        with duckdb.connect() as db:
            (delimiter,) = db.execute("SELECT Delimiter FROM sniff_csv($file)", {"file": str(path)}).fetchall()[0]
            db.execute("CREATE TABLE sample AS FROM read_csv($file, header = true)", {"file": str(path)})
            described = db.execute("DESCRIBE sample").fetchall()
            counted = ", ".join(f"count({_quoted(row[0])})" for row in described)
            rows, *full = db.execute(f"SELECT count(*), {counted} FROM sample").fetchall()[0]
    except duckdb.Error as error:
        raise ConfigError(f"{path} cannot be read as CSV with a header: {str(error).splitlines()[0]}") from error
    if not rows:
        raise ConfigError(f"{path} has no row: give a sample with some, so that types are known")
    columns = [
        SampleColumn(_plain(name), name, kind if kind in _TYPES else "VARCHAR", there == rows)
        for (name, kind, *_), there in zip(described, full, strict=True)
    ]
    return Sample(delimiter, tuple(columns))


def contract_file(domain: str, entity: str, sample: Sample, key: str) -> str:
    """The contract's YAML, in the form of those in `eco_assets/contracts/sources`."""
    import yaml

    properties = [_property(column, is_key=column.name == key) for column in sample.columns]
    owner = f"team:{domain}"
    body = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"urn:eco:contract:{domain}:{entity}",
        "name": f"{domain}.{entity}",
        "version": "1.0.0",
        "status": "active",
        "domain": domain,
        "dataProduct": f"{domain}-raw",
        "description": {
            "purpose": f"{entity.replace('_', ' ').capitalize()}: say what a row is.",
            "limitations": "Say what must not be read into it.",
            "usage": "Say what it is for.",
        },
        "team": {"name": owner, "members": [{"username": owner, "role": "owner"}]},
        "servers": [
            {
                "server": "files",
                "type": "local",
                "description": "Paths are relative to the data root.",
                "path": f"{domain}/{entity}/*.csv",
                "format": "csv",
            }
        ],
        "customProperties": [
            {"property": "delimiter", "value": sample.delimiter},
            {"property": "encoding", "value": "utf-8"},
            {"property": "nullStrings", "value": [""]},
            {"property": "onInvalidRow", "value": "quarantine_batch"},
            {"property": "clock", "value": "live"},
            {"property": "cadence", "value": "daily"},
        ],
        "schema": [
            {
                "name": entity,
                "physicalType": "table",
                "logicalType": "object",
                "description": f"{entity.replace('_', ' ').capitalize()}: say what a row is.",
                "properties": properties,
                "quality": [{"type": "library", "metric": "rowCount", "mustBeGreaterThan": 0, "severity": "error"}],
            }
        ],
    }
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=140)


def _property(column: SampleColumn, *, is_key: bool) -> dict[str, Any]:
    named: dict[str, Any] = {"name": column.name, "logicalType": _TYPES[column.sql_type], "physicalType": column.sql_type}
    if column.physical_name != column.name:
        named["physicalName"] = column.physical_name
    if column.is_full:
        named["required"] = True
    if is_key:
        named |= {"required": True, "primaryKey": True, "primaryKeyPosition": 1, "unique": True}
    # Nobody has looked at it yet, so it is kept from exports, pages and prompts.
    return named | {
        "classification": "confidential",
        "description": f"{column.name.replace('_', ' ').capitalize()}: say what it is, in which unit.",
    }


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().lower(), flags=re.ASCII).strip("_")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
