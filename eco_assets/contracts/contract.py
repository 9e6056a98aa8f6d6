"""Reads data contracts (Open Data Contract Standard YAML) into the few things that the platform acts on.

One file per source table under `sources/<domain>/<entity>.odcs.yaml`; nothing about a table's shape is written anywhere else.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eco_assets.errors import ContractError

SOURCES = Path(__file__).parent / "sources"
SERVERS = ("files", "inbox", "connection")
LOAD_MODES = ("replace_file", "upsert", "append")
_SQL_TYPE = re.compile(r"VARCHAR|BOOLEAN|INTEGER|BIGINT|DOUBLE|DECIMAL\(\d+, ?\d+\)|DATE|TIMESTAMP")


@dataclass(frozen=True)
class Column:
    """One column: `name` in the lake, `physical_name` in the file."""

    name: str
    physical_name: str
    sql_type: str
    is_required: bool
    classification: str
    is_personal: bool
    description: str
    minimum: float | None = None
    maximum: float | None = None
    date_format: str | None = None
    pattern: str | None = None
    is_unique: bool = False
    null_strings: tuple[str, ...] = ("",)
    valid_values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contract:
    """What a source promises: columns, keys, where its rows come from and what happens to a row that breaks the promise.

    `server` is `files` (under the data root), `inbox` (files that a resident ingester writes) or `connection` (a connector reads).
    `load_mode` is `replace_file` (a file's rows are replaced as a whole; a key holds within a file, because a source of several files
    has one subject, such as a machine, in each), `upsert` (by key, deletes included) or `append` (a key that is there is ignored;
    `event_time` names the column that narrows the search for it).
    """

    domain: str
    entity: str
    version: str
    description: str
    owner: str
    glob: str
    file_format: str
    delimiter: str
    encoding: str
    clock: str
    cadence: str
    key: tuple[str, ...]
    keeps_good_rows: bool
    max_invalid_share: float
    columns: tuple[Column, ...]
    path: Path
    server: str = "files"
    load_mode: str = "replace_file"
    event_time: str | None = None
    ignored_columns: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """`domain.entity`, its name in the raw database."""
        return f"{self.domain}.{self.entity}"


@cache
def load_contracts(root: Path = SOURCES) -> tuple[Contract, ...]:
    """All contracts, ordered by table.

    Raises:
        ContractError: a file is malformed; names the file and what is wrong.
    """
    return tuple(sorted((read_contract(path) for path in root.glob("*/*.odcs.yaml")), key=lambda contract: contract.table))


def read_contract(path: Path) -> Contract:
    """One contract. Raises `ContractError` as `load_contracts` does."""
    import yaml
    from open_data_contract_standard.model import OpenDataContractStandard

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # written in C: 24 contracts take 0.1 s instead of 0.7
        document = OpenDataContractStandard.model_validate(yaml.load(path.read_text(encoding="utf-8"), loader))  # noqa: S506 -- a safe loader
        if not document.schema_ or len(document.schema_) != 1 or not document.servers:
            raise ContractError("exactly one schema object and one server are needed")  # noqa: TRY301 -- named like the rest below
        table, server = document.schema_[0], document.servers[0]
        custom: dict[str, Any] = {str(prop.property): prop.value for prop in document.customProperties or []}
        nulls = tuple(str(text) for text in custom.get("nullStrings") or [""])
        columns = tuple(_column(prop, nulls) for prop in table.properties or [])
        keyed = sorted((p.primaryKeyPosition or 0, p.name) for p in table.properties or [] if p.primaryKey)
        return Contract(
            domain=str(document.domain),
            entity=str(table.name),
            version=str(document.version),
            description=str(document.description.purpose if document.description else ""),
            owner=str(getattr(document.team, "name", "")),
            glob=str(server.path or ""),
            file_format=str(server.format or "parquet"),
            delimiter=str(custom.get("delimiter", ",")),
            encoding=codecs.lookup(str(custom.get("encoding", "utf-8"))).name,
            clock=_one_of(custom, "clock", ("live", "recorded")),
            cadence=_one_of(custom, "cadence", ("daily", "reference")),
            key=tuple(str(name) for _, name in keyed),
            keeps_good_rows=_one_of(custom, "onInvalidRow", ("quarantine_batch", "quarantine_row")) == "quarantine_row",
            max_invalid_share=float(custom.get("maxInvalidRows", 0)),
            columns=columns,
            path=path,
            **_loading(custom, str(server.server), tuple(str(name) for _, name in keyed), {column.name for column in columns}),
        )
    except (ContractError, ValueError, TypeError, AttributeError, LookupError, re.error, yaml.YAMLError) as error:
        raise ContractError(f"{path.name}: {error}; see CONTRIBUTING.md, 'A new source'") from error


def _loading(custom: dict[str, Any], server: str, key: tuple[str, ...], columns: set[str]) -> dict[str, Any]:
    """Where rows come from and how they are loaded."""
    if server not in SERVERS:
        raise ContractError(f"server {server!r} must be one of {', '.join(SERVERS)}")
    mode = _one_of({"loadMode": "replace_file", **custom}, "loadMode", LOAD_MODES)
    if mode != "replace_file" and not key:
        raise ContractError(f"loadMode {mode} needs a primary key")
    event_time = custom.get("eventTime")
    if event_time is not None and event_time not in columns:
        raise ContractError(f"eventTime {event_time!r} is not a column")
    ignored = tuple(str(name) for name in custom.get("ignoredColumns") or [])
    return {"server": server, "load_mode": mode, "event_time": event_time, "ignored_columns": ignored}


def _column(prop: Any, null_strings: tuple[str, ...]) -> Column:
    options = prop.logicalTypeOptions or {}
    if not _SQL_TYPE.fullmatch(str(prop.physicalType)):
        raise ContractError(f"column {prop.name}: physicalType {prop.physicalType!r} is not one that is supported: {_SQL_TYPE.pattern}")
    re.compile(options.get("pattern") or "")
    return Column(
        name=prop.name,
        physical_name=prop.physicalName or prop.name,
        sql_type=prop.physicalType,
        is_required=bool(prop.required),
        classification=prop.classification or "internal",
        is_personal="personal_data" in (prop.tags or []),
        description=prop.description or "",
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        date_format=options.get("format"),
        pattern=options.get("pattern"),
        is_unique=bool(prop.unique),
        null_strings=null_strings,
        valid_values=tuple(_valid_values(prop.quality or [])),
    )


def _valid_values(rules: list[Any]) -> Iterator[str]:
    for rule in rules:
        values = getattr(rule, "validValues", None) or (getattr(rule, "arguments", None) or {}).get("validValues")
        yield from (str(value) for value in values or [])


def _one_of(custom: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = str(custom.get(name, ""))
    if value not in allowed:
        raise ContractError(f"customProperties.{name} is {value!r}, must be one of {', '.join(allowed)}")
    return value
