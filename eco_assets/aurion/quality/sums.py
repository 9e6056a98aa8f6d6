"""Reconciles two tables: whether the same amount stands in both for each key. Explaining the rest is `payments.py`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eco_assets.aurion.quality.findings import SAMPLE, Finding, judged, rows, silent
from eco_assets.aurion.quality.rules import Rule
from eco_assets.contracts.check import quoted

if TYPE_CHECKING:
    import duckdb


def sums(db: duckdb.DuckDBPyConnection, rule: Rule) -> Finding:
    """Keys of both tables whose sums differ by more than `within`; a key that only one of them has is a matter of references."""
    names = ", ".join(quoted(name) for name in rule.columns)
    amount, against, within = (str(rule.setting(name)) for name in ("amount", "against", "within"))
    both = f"""(SELECT {names}, a.total AS amount, b.total AS against, a.total - b.total AS difference
        FROM (SELECT {names}, sum({amount}) AS total FROM {rule.table} GROUP BY {names}) a
        JOIN (SELECT {names}, sum({against}) AS total FROM {rule.target} GROUP BY {names}) b USING ({names}))"""
    differs = f"abs(difference) > {float(within)!r}"
    found = db.execute(
        f"SELECT count(*), count(*) FILTER (WHERE {differs}), sum(difference) FILTER (WHERE {differs}) FROM {both}"
    ).fetchone()
    keys, apart, net = found if found else (0, 0, None)
    if not keys:
        return silent(rule, f"{rule.table} and {rule.target} have no {', '.join(rule.columns)} in common")
    observed = 100.0 * apart / keys if rule.limit.unit == "percent" else float(apart)
    words = f"{apart} of {keys} {', '.join(rule.columns)} differ by more than {within} between {rule.table} and {rule.target}"
    words += f", {net:+.2f} in all" if apart else ""
    query = f"SELECT * FROM {both} WHERE {differs} ORDER BY abs(difference) DESC, {names} LIMIT {SAMPLE}"
    return judged(rule, observed, words, rows(db, query) if apart else ())
