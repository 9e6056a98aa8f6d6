"""Drift: how what arrived differs in shape from its contract, told before anything is loaded.

Compatible drift evolves the table and is announced: a new column is kept as text until the contract names it, a whole number that no
longer fits gets more room. Incompatible drift refuses the batch, and names the difference and the version that it would need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eco_assets.aurion.incoming import Incoming, widened
from eco_assets.contracts.check import Violation, text
from eco_assets.contracts.contract import Contract

if TYPE_CHECKING:
    import duckdb


def next_version(contract: Contract, level: str) -> str:
    """The version that a change of this level (`major` or `minor`) needs."""
    major, minor, _ = (int(part) for part in contract.version.split("."))
    return f"{major + 1}.0.0" if level == "major" else f"{major}.{minor + 1}.0"


def announced(contract: Contract, came: Incoming, wider: Contract | None = None) -> tuple[str, ...]:
    """Compatible drift, in words."""
    version = next_version(contract, "minor")
    found = [f"column {name} is new: kept as text until contract {version} names it" for name in came.extra]
    found += [f"column {name} is optional and was never delivered: it stays empty" for name in came.missing]
    for old, new in zip(contract.columns, (wider or contract).columns, strict=True):
        if old.sql_type != new.sql_type:
            found.append(
                f"column {old.name} holds values beyond {old.sql_type}: widened to {new.sql_type}, which contract {version} should say"
            )
    return tuple(found)


def refusal_of_missing(contract: Contract, came: Incoming, lost: Sequence[str]) -> str:
    """Why a batch that lacks promised columns is refused; `lost` are those that it cannot do without."""
    names = ", ".join(lost)
    if len(came.missing) == len(contract.columns):  # what stands there instead may be a row of personal data: it is not shown
        return f"column {names} is missing: the first line is not the header of {contract.table}; send it with its header"
    return (
        f"column {names} is missing; the file has: {', '.join(came.present)}. "
        f"To go on without it, contract {contract.table} {next_version(contract, 'major')} is needed"
    )


def fits_when_widened(db: duckdb.DuckDBPyConnection, contract: Contract, violations: Sequence[Violation]) -> Contract:
    """The contract with more room for whole numbers where that is all that is wrong with them; the same object otherwise.

    Reads the table `incoming`.
    """
    cramped = {column.name: column for column in contract.columns if column.sql_type == "INTEGER"}
    suspects = [cramped[v.column] for v in violations if v.rule == "not a valid INTEGER" and v.column in cramped]
    wide = set()
    for column in suspects:
        value = text(column)
        fits = f"bool_and(TRY_CAST({value} AS BIGINT) IS NOT NULL AND TRY_CAST({value} AS DECIMAL(28, 9)) = TRY_CAST({value} AS BIGINT))"
        row = db.execute(f"SELECT {fits} FROM incoming WHERE {value} IS NOT NULL").fetchone()
        if row and row[0]:
            wide.add(column.name)
    return widened(contract, wide) if wide else contract
