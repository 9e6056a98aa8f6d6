"""Judges what concerns several rows or tables: values that occur twice, in whichever files, and references to rows that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eco_assets.aurion.quality.findings import SAMPLE, Finding, judged, masked, rows, silent
from eco_assets.aurion.quality.rules import Rule
from eco_assets.contracts.check import quoted
from eco_assets.contracts.contract import Contract

if TYPE_CHECKING:
    import duckdb


def duplicates(db: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule) -> Finding:
    """Rows beyond the first with the same values; a row without one of the values is no duplicate."""
    names = ", ".join(quoted(name) for name in rule.columns)
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in rule.columns)
    groups = f"SELECT {names}, count(*) AS n FROM {rule.table} WHERE {present} GROUP BY {names} HAVING count(*) > 1"
    repeated, total = _numbers(db, f"SELECT (SELECT coalesce(sum(n - 1), 0) FROM ({groups})), (SELECT count(*) FROM {rule.table})")
    observed = _in_unit(rule, repeated, total)
    if rule.limit.holds(observed):
        return judged(rule, observed, f"{repeated} of {total} rows repeat {', '.join(rule.columns)} of another row")
    shown = masked(contract, [*rule.columns[:3], "_eco_file", "_eco_row"])
    query = f"SELECT {shown} FROM {rule.table} t JOIN ({groups}) g USING ({names}) ORDER BY {names}, _eco_file, _eco_row LIMIT {SAMPLE}"
    files = f"SELECT count(DISTINCT _eco_file) FROM {rule.table} JOIN ({groups}) USING ({names})"
    (spread,) = _numbers(db, files)
    return judged(
        rule, observed, f"{repeated} rows repeat {', '.join(rule.columns)} of another row, over {spread} file(s)", rows(db, query)
    )


def orphans(db: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule) -> Finding:
    """Rows whose reference is not in the other table; an empty reference refers to nothing and is none."""
    pairs = list(zip(rule.columns, rule.target_columns, strict=True))
    same = " AND ".join(f"o.{quoted(theirs)} = t.{quoted(ours)}" for ours, theirs in pairs)
    present = " AND ".join(f"t.{quoted(ours)} IS NOT NULL" for ours, _ in pairs)
    lost = f"FROM {rule.table} t WHERE {present} AND NOT EXISTS (SELECT 1 FROM {rule.target} o WHERE {same})"
    missing, total = _numbers(db, f"SELECT (SELECT count(*) {lost}), (SELECT count(*) FROM {rule.table})")
    observed = _in_unit(rule, missing, total)
    words = f"{missing} of {total} rows name a {', '.join(rule.columns)} that is not in {rule.target}"
    if rule.limit.holds(observed):
        return judged(rule, observed, words)
    shown = masked(contract, [*rule.columns, "_eco_file", "_eco_row"])
    return judged(rule, observed, words, rows(db, f"SELECT {shown} {lost} ORDER BY _eco_file, _eco_row LIMIT {SAMPLE}"))


def nulls(db: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule) -> Finding:
    """Rows without a value."""
    (name,) = rule.columns
    missing, total = _numbers(db, f"SELECT count(*) - count({quoted(name)}), count(*) FROM {rule.table}")
    shown = masked(contract, ["_eco_file", "_eco_row"])
    found = judged(rule, _in_unit(rule, missing, total), f"{missing} of {total} rows have no {name}")
    if found.is_ok:
        return found
    query = f"SELECT {shown} FROM {rule.table} t WHERE {quoted(name)} IS NULL ORDER BY _eco_file, _eco_row LIMIT {SAMPLE}"
    return judged(rule, _in_unit(rule, missing, total), found.words, rows(db, query))


def query(db: duckdb.DuckDBPyConnection, contract: Contract, rule: Rule) -> Finding:
    """A query of the contract that gives one figure; `{object}` and `{property}` stand for the table and the column."""
    text = str(rule.setting("query")).replace("{object}", contract.table).replace("{property}", quoted((*rule.columns, "")[0]))
    found = db.execute(text).fetchone()
    if not found or found[0] is None:
        return silent(rule, "the query gave nothing")
    return judged(rule, float(found[0]), f"{rule.description or 'the query of the contract'}: {float(found[0]):g}")


def _in_unit(rule: Rule, count: int, total: int) -> float:
    if rule.limit.unit == "percent":
        return 100.0 * count / total if total else 0.0
    return float(count)


def _numbers(db: duckdb.DuckDBPyConnection, text: str) -> tuple[int, ...]:
    found = db.execute(text).fetchone()
    return tuple(int(value or 0) for value in found) if found else ()
