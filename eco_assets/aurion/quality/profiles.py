"""Profiles: how the values of a load are distributed, kept in the lake as `aurion.profiles` for later loads to be compared with.

A profile counts: values a category, values between two edges, missing values. No value of a personal or restricted column is in one, nor
of keys and references, which are names and no measures. Edges and categories are taken over from the load before, so that counts compare.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.quality.context import one_of
from eco_assets.aurion.quality.rules import rules_of
from eco_assets.contracts.check import literal, quoted
from eco_assets.contracts.contract import Column, Contract

if TYPE_CHECKING:
    import duckdb

TABLE = """CREATE TABLE IF NOT EXISTS aurion.profiles (
  load_id VARCHAR, loaded_at TIMESTAMP, tbl VARCHAR, column_name VARCHAR, kind VARCHAR, rows BIGINT, missing BIGINT, bins VARCHAR,
  counts VARCHAR, contract_version VARCHAR)"""
CATEGORIES = 30  # the most frequent; the others are one bin
QUANTILES = tuple(number / 10 for number in range(1, 10))
_LEAST_SHARE = 0.2  # text whose 30 most frequent values are rarer than this together is a name, not a category
KEPT = 5  # earlier loads that a load is compared with


@dataclass(frozen=True)
class Loads:
    """Loads of one table that are profiled together: those that came since the last time. `newest` names the profile."""

    newest: str
    loaded_at: datetime
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """One column of what was loaded until `loaded_at`.

    `kind` is `number` (`bins` are edges, one fewer than `counts`), `category`, or `other` (missing values only).
    """

    load_id: str
    loaded_at: datetime
    table: str
    column: str
    kind: str
    rows: int
    missing: int
    bins: tuple[Any, ...]
    counts: tuple[int, ...]
    contract_version: str


def kinds(contract: Contract) -> dict[str, str]:
    """How each column is profiled."""
    names = {name for rule in rules_of(contract) if rule.kind == "orphans" for name in rule.columns} | set(contract.key)
    return {column.name: "other" if column.name in names else _kind(column) for column in contract.columns}


def _kind(column: Column) -> str:
    if column.is_personal or column.classification == "restricted" or column.is_unique or column.sql_type in ("DATE", "TIMESTAMP"):
        return "other"
    return "category" if column.sql_type in ("VARCHAR", "BOOLEAN") else "number"


def unprofiled(db: duckdb.DuckDBPyConnection, tables: Iterable[str], until: Mapping[str, datetime]) -> dict[str, Loads]:
    """What was loaded since the last profile, by table; `until` is the moment of the last profile."""
    known = ", ".join(f"({literal(table)}, TIMESTAMP '{moment}')" for table, moment in until.items()) or "(NULL, NULL)"
    query = f"""SELECT l.tbl, arg_max(l.load_id, l.loaded_at), max(l.loaded_at), list(DISTINCT l.load_id) FROM aurion.loads l
                LEFT JOIN (VALUES {known}) p(tbl, until) USING (tbl)
                WHERE l.tbl {one_of(tables)} AND (p.until IS NULL OR l.loaded_at > p.until) GROUP BY 1"""
    return {row[0]: Loads(row[1], row[2], tuple(row[3])) for row in db.execute(query).fetchall()}


def earlier(db: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> dict[str, list[Profile]]:
    """The profiles of the last loads, by table, newest first."""
    query = f"""SELECT load_id, loaded_at, tbl, column_name, kind, rows, missing, bins, counts, contract_version FROM aurion.profiles
                WHERE tbl {one_of(tables)}
                QUALIFY dense_rank() OVER (PARTITION BY tbl ORDER BY loaded_at DESC) <= {KEPT + 1} ORDER BY tbl, loaded_at DESC"""
    found: dict[str, list[Profile]] = {}
    for row in db.execute(query).fetchall():
        kept = Profile(*row)
        kept = replace(kept, bins=tuple(json.loads(row[7])), counts=tuple(json.loads(row[8])))
        found.setdefault(kept.table, []).append(kept)
    return found


def profile(db: duckdb.DuckDBPyConnection, contract: Contract, loads: Loads, before: Sequence[Profile]) -> list[Profile]:
    """Count the rows that these loads brought and that are still served; three passes over them, however many columns there are."""
    newest = {each.column: each for each in reversed(before) if _major(each.contract_version) == _major(contract.version)}
    rows = f"(SELECT * FROM {contract.table} WHERE _eco_batch {one_of(loads.ids)})"
    of_kind = kinds(contract)
    numbers = [name for name, kind in of_kind.items() if kind == "number"]
    categories = [name for name, kind in of_kind.items() if kind == "category"]
    counts = ", ".join(f"count({quoted(name)})" for name in of_kind)
    fresh = [name for name in numbers if name not in newest]
    spread = "".join(f", quantile_disc(CAST({quoted(name)} AS DOUBLE), {list(QUANTILES)})" for name in fresh)
    total, *found = db.execute(f"SELECT count(*), {counts}{spread} FROM {rows}").fetchone() or (0,)
    if not total:
        return []
    present = dict(zip(of_kind, found, strict=False))
    own = dict(zip(fresh, found[len(of_kind) :], strict=True))
    edges = {name: list(newest[name].bins) if name in newest else sorted(set(own[name] or ())) for name in numbers}
    bins = {**_between(db, rows, edges), **_categories(db, rows, categories, newest, present)}
    made = []
    for name, kind in of_kind.items():
        labels, tally = bins.get(name, ((), ()))
        kept = kind if tally else "other"
        made.append(
            Profile(
                *(loads.newest, loads.loaded_at, contract.table, name, kept),
                *(total, total - present[name], tuple(labels), tuple(tally), contract.version),
            )
        )
    return made


def store(db: duckdb.DuckDBPyConnection, made: Iterable[Profile]) -> None:
    """Keep profiles; in the caller's transaction."""
    db.execute(TABLE)
    values = [
        [p.load_id, p.loaded_at, p.table, p.column, p.kind, p.rows, p.missing, json.dumps(p.bins), json.dumps(p.counts), p.contract_version]
        for p in made
    ]
    if values:
        marks = ", ".join("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" for _ in values)
        db.execute(f"INSERT INTO aurion.profiles VALUES {marks}", [value for row in values for value in row])


def _between(
    db: duckdb.DuckDBPyConnection, rows: str, edges: Mapping[str, Sequence[float]]
) -> dict[str, tuple[tuple[float, ...], tuple[int, ...]]]:
    """Values up to each edge and above the last one, a column."""
    wanted = {name: tuple(cut) for name, cut in edges.items() if cut}
    if not wanted:
        return {}
    parts = ", ".join(f"histogram(CAST({quoted(name)} AS DOUBLE), {list(cut)})" for name, cut in wanted.items())
    found = db.execute(f"SELECT {parts} FROM {rows}").fetchone() or ()
    tallies = (tally or {} for tally in found)  # what is above the last edge is under infinity
    return {
        name: (cut, tuple(int(tally.get(edge, 0)) for edge in (*cut, math.inf)))
        for (name, cut), tally in zip(wanted.items(), tallies, strict=True)
    }


def _categories(
    db: duckdb.DuckDBPyConnection, rows: str, names: Sequence[str], newest: Mapping[str, Profile], present: Mapping[str, int]
) -> dict[str, tuple[tuple[str, ...], tuple[int, ...]]]:
    """The most frequent values and those that the load before counted; text that is all different is left out."""
    if not names:
        return {}
    texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in names)
    before = {name: {str(label) for label in newest[name].bins} for name in names if name in newest}
    known = " OR ".join(f"(column_name = {literal(name)} AND label {one_of(sorted(labels))})" for name, labels in before.items() if labels)
    found = db.execute(
        f"""SELECT column_name, label, count(*) AS n FROM (UNPIVOT (SELECT {texts} FROM {rows}) ON * INTO NAME column_name VALUE label)
            GROUP BY 1, 2 QUALIFY row_number() OVER (PARTITION BY column_name ORDER BY count(*) DESC, label) <= {CATEGORIES}
            OR {known or "false"} ORDER BY 1, n DESC, label"""
    ).fetchall()
    bins: dict[str, list[tuple[str, int]]] = {}
    for name, label, count in found:
        bins.setdefault(str(name), []).append((str(label), int(count)))
    return {
        name: (tuple(label for label, _ in pairs), tuple(count for _, count in pairs))
        for name, pairs in bins.items()
        if sum(count for _, count in pairs) >= _LEAST_SHARE * present[name]
    }


def _major(version: str) -> str:
    return version.split(".")[0]
