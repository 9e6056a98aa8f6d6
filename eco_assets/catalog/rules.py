"""The quality rules of a raw table as the catalogue shows them, with how each stood when it was last judged.

Judging is `eco_assets/aurion/quality`'s; it keeps its findings in the lake, and they are read from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eco_assets.aurion.quality.examine import TABLE
from eco_assets.aurion.quality.rules import Limit, rules_of
from eco_assets.catalog.tables import types_of
from eco_assets.contracts.contract import Contract

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class RuleFact:
    """A rule of the table and how it stood when it was last judged: `ok`, `broken`, `unjudged`, or empty when it never was.

    `limits` are (words, value), as `at most`, `0.5`; `unit` is `rows`, `percent`, `days` or empty.
    """

    kind: str
    columns: tuple[str, ...]
    target: str
    limits: tuple[tuple[str, str], ...]
    unit: str
    is_blocking: bool
    state: str = ""
    observed: float | None = None


def rule_facts(db: duckdb.DuckDBPyConnection | None, contract: Contract) -> tuple[RuleFact, ...]:
    """The rules of a contract; `db` reads the raw catalogue, or is None while nothing was loaded."""
    states = _states(db, contract)
    facts = []
    for rule in rules_of(contract):
        state, observed = states.get((rule.kind, ", ".join(rule.columns), str(rule.limit)), ("", None))
        limits, is_blocking = tuple(_limits(rule.limit)), rule.severity == "error"
        facts.append(RuleFact(rule.kind, rule.columns, rule.target, limits, rule.limit.unit, is_blocking, state, observed))
    return tuple(facts)


def _states(db: duckdb.DuckDBPyConnection | None, contract: Contract) -> dict[tuple[str, str, str], tuple[str, float | None]]:
    if db is None or not types_of(db, f"raw.{TABLE}"):
        return {}
    query = f"SELECT rule, columns, expected, is_ok, is_judged, observed FROM raw.{TABLE} WHERE tbl = $table"
    return {
        (rule, columns, expected): ("unjudged" if not is_judged else "ok" if is_ok else "broken", observed)
        for rule, columns, expected, is_ok, is_judged, observed in db.execute(query, {"table": contract.table}).fetchall()
    }


def _limits(limit: Limit) -> Iterator[tuple[str, str]]:
    if limit.low == limit.high:
        yield "exactly", f"{limit.low:g}"
        return
    if limit.low > -math.inf:
        yield "more than" if limit.is_low_open else "at least", f"{limit.low:g}"
    if limit.high < math.inf:
        yield "less than" if limit.is_high_open else "at most", f"{limit.high:g}"
