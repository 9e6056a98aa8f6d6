"""Figures of each source, for people and for machines: rows, bytes, lag, errors, schema changes, last load.

They come from `aurion.loads` and the register of batches. `figures` are plain values, `prometheus` is the text exposition format 0.0.4,
and `aurion.metrics` is a view of the lake over the same loads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.quality.rules import rules_of
from eco_assets.contracts.check import quoted
from eco_assets.contracts.contract import Contract
from eco_assets.errors import NotFound
from eco_assets.lake import Lake

if TYPE_CHECKING:
    import duckdb

    from eco_assets.aurion.quarantine import Held
    from eco_assets.platform import Platform

VIEW = """CREATE VIEW IF NOT EXISTS raw.aurion.metrics AS
  SELECT source, tbl, count(*) AS loads, sum(rows) AS rows_total, sum(bytes) AS bytes_total, sum(rejected) AS rows_rejected_total,
    sum(json_array_length(schema_changes)) AS schema_changes_total, max(loaded_at) AS last_loaded_at,
    arg_max(contract_version, loaded_at) AS contract_version
  FROM (SELECT * FROM raw.aurion.loads QUALIFY row_number() OVER (PARTITION BY load_id, tbl ORDER BY loaded_at) = 1) GROUP BY 1, 2"""
_LOADS = """SELECT source, tbl, count(*), sum(rows), sum(bytes), sum(json_array_length(schema_changes)),
    date_diff('millisecond', max(loaded_at), now()::TIMESTAMP) / 1000, arg_max(contract_version, loaded_at)
  FROM (SELECT * FROM aurion.loads QUALIFY row_number() OVER (PARTITION BY load_id, tbl ORDER BY loaded_at) = 1) GROUP BY 1, 2"""
# Name, kind, help, and the field that has the value.
_SERIES = (
    ("eco_source_rows_total", "counter", "Rows that were loaded, those that were replaced since included.", "rows_total"),
    ("eco_source_bytes_total", "counter", "Bytes of the loaded rows as Parquet.", "bytes_total"),
    ("eco_source_loads_total", "counter", "Loads.", "loads"),
    ("eco_source_schema_changes_total", "counter", "Compatible changes of shape that were announced.", "schema_changes"),
    ("eco_source_rows", "gauge", "Rows that are served now.", "rows_served"),
    ("eco_source_last_load_age_seconds", "gauge", "Seconds since the last load, by the wall clock.", "last_load_age_s"),
    ("eco_source_lag_days", "gauge", "Days from the newest event to the business day; only of sources that promise a latency.", "lag_days"),
    ("eco_source_quarantined_batches", "gauge", "Files or batches that wait in quarantine whole.", "quarantined_batches"),
    ("eco_source_quarantined_rows", "gauge", "Rows that wait in quarantine.", "quarantined_rows"),
)


@dataclass(frozen=True)
class SourceFigures:
    """One source of one table. `lag_days` is None where the contract promises no latency, `last_load_age_s` where nothing was loaded."""

    source: str
    table: str
    loads: int
    rows_total: int
    rows_served: int
    bytes_total: int
    schema_changes: int
    quarantined_batches: int
    quarantined_rows: int
    last_load_age_s: float | None
    lag_days: int | None
    contract_version: str


def aurion_metrics(platform: Platform, day: date | None = None) -> list[SourceFigures]:
    """The figures of every source of an installation; `day` is the business day that lag is counted to."""
    from eco_assets.aurion.quarantine import quarantine_of

    quarantine = quarantine_of(platform)
    return figures(platform.lake, quarantine.contracts, quarantine.held(), day or platform.business_date())


def figures(lake: Lake, contracts: Iterable[Contract], held: Iterable[Held], day: date) -> list[SourceFigures]:
    """The figures of the tables of some contracts, those that were never loaded included."""
    known = {contract.table: contract for contract in contracts}
    waiting = _waiting(held)
    loaded, served, newest = _read(lake, known)
    sources = {**{(contract.server, table): () for table, contract in known.items() if contract.server != "connection"}}
    found = []
    for source, table in sorted({*sources, *loaded, *waiting}, key=lambda pair: (pair[1], pair[0])):
        if table not in known:
            continue
        loads, rows, size, changes, age, version = loaded.get((source, table), (0, 0, 0, 0, None, known[table].version))
        batches, broken = waiting.get((source, table), (0, 0))
        behind = max((day - newest[table]).days, 0) if newest.get(table) else None
        counts = (int(loads), int(rows or 0), served.get(table, 0), int(size or 0), int(changes or 0), batches, broken)
        found.append(SourceFigures(source, table, *counts, age, behind, str(version)))
    return found


def prometheus(found: Sequence[SourceFigures], findings: Iterable[Mapping[str, Any]] = ()) -> str:
    """The text exposition of the figures, and of quality rules that are broken (1) or hold (0)."""
    lines: list[str] = []
    for name, kind, words, field in _SERIES:
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
        values = [(each, asdict(each)[field]) for each in found]
        lines += [f"{name}{_labels(source=each.source, table=each.table)} {_number(value)}" for each, value in values if value is not None]
    broken: dict[str, int] = {}
    for finding in findings:
        labels = _labels(table=finding["table"], check=finding["check"], severity=finding["severity"])
        broken[labels] = broken.get(labels, 0) + (not finding["is_ok"])
    if broken:
        name = "eco_quality_broken_rules"
        lines += [f"# HELP {name} Quality rules that do not hold.", f"# TYPE {name} gauge"]
        lines += [f"{name}{labels} {count}" for labels, count in broken.items()]
    return "\n".join(lines) + "\n"


def create_view(db: duckdb.DuckDBPyConnection) -> None:
    """Make the view of the lake; in the caller's transaction."""
    db.execute(VIEW)


def _waiting(held: Iterable[Held]) -> dict[tuple[str, str], tuple[int, int]]:
    """(batches held whole, rows set aside) by source and table."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for each in held:
        batches, rows = found.get((each.batch.source, each.batch.table), (0, 0))
        found[each.batch.source, each.batch.table] = batches + each.is_whole, rows + (0 if each.is_whole else each.batch.rejected)
    return found


def _read(lake: Lake, known: Mapping[str, Contract]) -> tuple[dict[tuple[str, str], tuple[Any, ...]], dict[str, int], dict[str, date]]:
    """(what was loaded, rows served, day of the newest event), the last by the column whose latency is promised."""
    from eco_assets.aurion.quality.context import present_tables

    try:
        with lake.raw() as db:
            db.execute("BEGIN")  # one snapshot for all of it
            present = present_tables(db)
            loaded = {(row[0], row[1]): row[2:] for row in db.execute(_LOADS).fetchall()} if "aurion.loads" in present else {}
            parts = [_counted(contract) for table, contract in known.items() if table in present]
            rows = db.execute(" UNION ALL ".join(parts)).fetchall() if parts else []
    except NotFound:
        return {}, {}, {}
    return loaded, {row[0]: int(row[1]) for row in rows}, {row[0]: row[2] for row in rows if row[2] is not None}


def _counted(contract: Contract) -> str:
    columns = [name for rule in rules_of(contract) if rule.kind == "latency" for name in rule.columns]
    columns = columns or ([contract.event_time] if contract.event_time and contract.clock == "live" else [])
    newest = f"CAST(max(greatest({', '.join(map(quoted, columns))})) AS DATE)" if columns else "CAST(NULL AS DATE)"
    return f"SELECT '{contract.table}', count(*), {newest} FROM {contract.table}"


def _labels(**labels: str) -> str:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{escaped(str(value))}"' for name, value in labels.items()) + "}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"
