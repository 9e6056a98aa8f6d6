"""What a sample may show: every column's protection, carried along lineage, and five rows with what is protected masked.

A column that nobody announced, in no contract and of no lineage, is masked: what it holds is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from eco_assets.contracts.changes import CLASSIFICATIONS
from eco_assets.contracts.check import quoted
from eco_assets.contracts.compat import ORIGIN
from eco_assets.contracts.contract import Contract
from eco_assets.lineage.columns import ROWS
from eco_assets.lineage.graph import Lineage
from notion_sync.formatting import MISSING, measured
from notion_sync.privacy import HIDDEN, is_free_text, shown_text

if TYPE_CHECKING:
    import duckdb

MASK = "•••"
ROWS_SHOWN = 5
_SHOWN = ("public", "internal")


@dataclass(frozen=True)
class Protection:
    """How protected a column is. `is_announced` is False where no contract and no lineage knows the column."""

    classification: str = "internal"
    is_personal: bool = False
    is_announced: bool = True

    @property
    def is_shown(self) -> bool:
        """Whether its values may be seen on a page."""
        return self.is_announced and not self.is_personal and self.classification in _SHOWN


UNANNOUNCED = Protection("restricted", is_announced=False)


@dataclass(frozen=True)
class Sample:
    """Rows as text; what is protected is `MASK`."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Protections:
    """The protection of every column: of raw ones by contract, of others by what they are made of, the strictest wins."""

    def __init__(self, contracts: Iterable[Contract], lineage: Lineage) -> None:
        self._lineage = lineage
        self._raw = {
            (f"raw.{contract.table}", column.name): Protection(column.classification, column.is_personal)
            for contract in contracts
            for column in contract.columns
        }

    def of(self, table: str, column: str) -> Protection:
        """The protection of one column; `UNANNOUNCED` when its way is not known."""
        if table.startswith("raw."):
            return Protection() if column in ORIGIN else self._raw.get((table, column), UNANNOUNCED)
        if table not in self._lineage.nodes or self._lineage.basis(table, column) == "unknown":
            return UNANNOUNCED
        made_of = [self.of(ref.table, ref.column) for ref in self._lineage.origins(table, column) if ref.column != ROWS]
        return Protection(
            max((each.classification for each in made_of), key=CLASSIFICATIONS.index, default="internal"),
            any(each.is_personal for each in made_of),
            all(each.is_announced for each in made_of),
        )


def sample(
    db: duckdb.DuckDBPyConnection, table: str, protections: Mapping[str, Protection], order: Sequence[str], where: str = ""
) -> Sample:
    """The first rows of a table, always the same ones of the same data.

    Args:
        db: a connection that knows the table by the name given.
        table: as SQL names it.
        protections: the columns to show, in order. A protected one is not even read.
        order: columns that settle which rows come first.
        where: SQL condition, for the newest day of a mart.
    """
    select = ", ".join(quoted(name) if each.is_shown else f"NULL AS {quoted(name)}" for name, each in protections.items())
    settle = ", ".join(quoted(name) for name in order)
    query = f"SELECT {select} FROM {table} {f'WHERE {where}' if where else ''} {f'ORDER BY {settle}' if settle else ''} LIMIT {ROWS_SHOWN}"
    masks = [not each.is_shown for each in protections.values()]
    rows = [
        tuple(MASK if is_masked else _text(name, value) for name, is_masked, value in zip(protections, masks, row, strict=True))
        for row in db.execute(query).fetchall()
    ]
    return Sample(tuple(protections), tuple(rows))


def _text(name: str, value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, datetime | date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, bool):
        return "sim" if value else "não"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return measured(value)
    text = str(value)
    return HIDDEN if is_free_text(name, text) else shown_text(text)
