"""Judges all rules of some contracts over one connection, and keeps what was found as tables that people can read.

`quality.findings` is how each rule stands now, `quality.payment_differences` the orders behind the reconciliation of payments,
`aurion.profiles` what later loads are compared with. All of it is one commit, and none when nothing changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.metrics import create_view
from eco_assets.aurion.quality import freshness, keys, payments, profiles, volume
from eco_assets.aurion.quality.context import Context, one_of, read
from eco_assets.aurion.quality.distribution import distribution
from eco_assets.aurion.quality.findings import Finding, as_json, silent
from eco_assets.aurion.quality.profiles import Profile
from eco_assets.aurion.quality.rules import Rule, rules_of
from eco_assets.aurion.quality.sums import sums
from eco_assets.contracts.contract import Contract
from eco_assets.errors import NotFound
from eco_assets.lake import Lake

if TYPE_CHECKING:
    import duckdb

TABLE = "quality.findings"
_COLUMNS = """tbl VARCHAR, "check" VARCHAR, rule VARCHAR, columns VARCHAR, observed DOUBLE, expected VARCHAR, severity VARCHAR,
  is_ok BOOLEAN, is_judged BOOLEAN, words VARCHAR, sample VARCHAR, business_day DATE"""


@dataclass
class Examination:
    """What was found about some tables on a business day, and what is to be kept of it."""

    findings: list[Finding]
    profiles: list[Profile] = field(default_factory=list)
    differences: list[payments.Difference] | None = None


def examine(lake: Lake, contracts: Sequence[Contract], day: date) -> list[Finding]:
    """Judge the contracts' rules and keep what was found; a table that was never loaded is not judged, and says so."""
    try:
        with lake.raw() as db:
            found, context = judge(db, contracts, day)
            is_news = bool(found.profiles) or _kept(db, contracts, context) != _values(found.findings, day)
            if is_news and any(each.rule.setting("explain") == "payments" and each.is_judged for each in found.findings):
                found.differences = payments.explain(db)
    except NotFound:
        return [silent(rule, "nothing was ever loaded") for contract in contracts for rule in rules_of(contract)]
    if is_news:
        lake.commit(lambda db: _keep(db, contracts, found, day), catalogue="raw")
    return found.findings


def judge(db: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], day: date) -> tuple[Examination, Context]:
    """Judge the rules over a connection whose default catalogue is `raw`; changes nothing."""
    db.execute("BEGIN")  # one snapshot for all rules, and looked up once
    context = read(db, [contract.table for contract in contracts], day)
    made, before = _profiled(db, contracts, context)
    found = Examination([], [profile for new in made.values() for profile in new])
    for contract in contracts:
        for rule in rules_of(contract):
            lacking = [table for table in (contract.table, rule.target) if table and table not in context.tables]
            if lacking:
                found.findings.append(silent(rule, f"{', '.join(lacking)} was never loaded"))
            elif rule.kind == "distribution":
                table = [*made.get(contract.table, ()), *before.get(contract.table, ())]
                newest = [each for each in table if each.load_id == table[0].load_id]
                found.findings.append(distribution(rule, newest, table[len(newest) :]))
            else:
                found.findings.append(_judged_or_said(db, contract, rule, context))
    db.execute("COMMIT")
    return found, context


def _judged_or_said(db: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule, context: Context) -> Finding:
    """The finding, or that the rule could not be judged: a rule that only warns must not stop what a rule that blocks lets through."""
    import duckdb

    try:
        return _judged(db, contract, rule, context)
    except duckdb.Error as error:
        db.execute("ROLLBACK")
        db.execute("BEGIN")
        reason = re.sub(r"'[^']*'|\"[^\"]*\"", "…", str(error).splitlines()[0])  # what is quoted may be a value
        return Finding(rule, None, False, f"the rule cannot be judged: {reason}", is_judged=False)


def _judged(db: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule, context: Context) -> Finding:
    past = context.loads.get(rule.table, [])
    match rule.kind:
        case "duplicates":
            return keys.duplicates(db, contract, rule)
        case "orphans":
            return keys.orphans(db, contract, rule)
        case "nulls":
            return keys.nulls(db, contract, rule)
        case "latency":
            return freshness.latency(db, rule, context.day)
        case "frequency":
            return freshness.frequency(rule, past, context.newest_load)
        case "row_count":
            return volume.row_count(rule, context.served) if past else silent(rule, "nothing was loaded yet")
        case "rows_per_load":
            return volume.rows_per_load(contract, rule, past)
        case "rows_per_day":
            return volume.rows_per_day(db, rule, context.day)
        case "sums":
            return sums(db, rule)
        case _:
            return keys.query(db, contract, rule)


def _profiled(
    db: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], context: Context
) -> tuple[dict[str, list[Profile]], dict[str, list[Profile]]]:
    """(profiles of what was loaded since the last time, earlier profiles), by table."""
    wanted = {
        contract.table: contract
        for contract in contracts
        if contract.table in context.loads and any(rule.kind == "distribution" for rule in rules_of(contract))
    }
    if not wanted:
        return {}, {}
    before = profiles.earlier(db, wanted) if "aurion.profiles" in context.tables else {}
    done = {table: known[0].loaded_at for table, known in before.items()}
    if all(load.loaded_at <= done[table] for table in wanted if table in done for load in context.loads[table]) and len(done) == len(
        wanted
    ):
        return {}, before
    fresh = profiles.unprofiled(db, wanted, done)
    return {table: profiles.profile(db, wanted[table], loads, before.get(table, ())) for table, loads in fresh.items()}, before


def _values(findings: Iterable[Finding], day: date) -> list[tuple[Any, ...]]:
    rows = []
    for finding in findings:
        told = {**finding.as_dict(), "sample": as_json(finding.sample), "day": day}
        rows.append(tuple(told.values()))
    return sorted(rows, key=repr)


def _kept(db: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], context: Context) -> list[tuple[Any, ...]]:
    if TABLE not in context.tables:
        return []
    query = f"SELECT * FROM {TABLE} WHERE tbl {one_of(contract.table for contract in contracts)}"
    return sorted(db.execute(query).fetchall(), key=repr)


def _keep(db: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], found: Examination, day: date) -> None:
    db.execute("CREATE SCHEMA IF NOT EXISTS aurion")
    db.execute("CREATE SCHEMA IF NOT EXISTS quality")
    if found.profiles:  # something was loaded, so there is what the view is of
        create_view(db)
    profiles.store(db, found.profiles)
    db.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS})")
    db.execute(f"DELETE FROM {TABLE} WHERE tbl {one_of(contract.table for contract in contracts)}")
    rows = _values(found.findings, day)
    if rows:
        marks = ", ".join(f"({', '.join('?' * len(rows[0]))})" for _ in rows)
        db.execute(f"INSERT INTO {TABLE} VALUES {marks}", [value for row in rows for value in row])
    if found.differences is not None:
        payments.store(db, found.differences)
