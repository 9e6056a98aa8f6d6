"""What a rule found, and how rows are shown: personal data masked, long text cut."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.quality.rules import Rule
from eco_assets.contracts.check import quoted
from eco_assets.contracts.contract import Contract

if TYPE_CHECKING:
    import duckdb

MASK = "•••"
SAMPLE = 5
_WIDTH = 40


@dataclass(frozen=True)
class Finding:
    """How a rule stands. A rule that cannot be judged yet, for lack of history or of a table, is not broken and says so.

    `observed` is the figure that the rule's limit is about; `sample` a few rows that break it, as they may be shown.
    """

    rule: Rule
    observed: float | None
    is_ok: bool
    words: str
    is_judged: bool = True
    sample: tuple[Mapping[str, str], ...] = ()

    @property
    def is_blocking(self) -> bool:
        """Whether nothing downstream may run."""
        return not self.is_ok and self.rule.severity == "error"

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        rule = self.rule
        return {
            "table": rule.table,
            "check": rule.check,
            "rule": rule.kind,
            "columns": ", ".join(rule.columns),
            "observed": None if self.observed is None else round(self.observed, 6),
            "expected": str(rule.limit),
            "severity": rule.severity,
            "is_ok": self.is_ok,
            "is_judged": self.is_judged,
            "words": self.words,
            "sample": [dict(row) for row in self.sample],
        }


def judged(rule: Rule, observed: float, words: str, sample: Iterable[Mapping[str, str]] = ()) -> Finding:
    """A finding by the rule's limit."""
    return Finding(rule, float(observed), rule.limit.holds(float(observed)), words, sample=tuple(sample))


def silent(rule: Rule, words: str) -> Finding:
    """A rule that cannot be judged yet, and why."""
    return Finding(rule, None, True, words, is_judged=False)


def masked(contract: Contract, columns: Iterable[str], alias: str = "t") -> str:
    """A select list of columns as they may be shown; what the contract does not name might be anything, so it is masked."""
    return ", ".join(f"{_masked(contract, name, alias)} AS {quoted(name)}" for name in columns)


def _masked(contract: Contract, name: str, alias: str) -> str:
    open_names = {column.name for column in contract.columns if not column.is_personal} | {"_eco_file", "_eco_row", "_eco_batch"}
    value = f"{alias}.{quoted(name)}"
    return f"left(CAST({value} AS VARCHAR), {_WIDTH})" if name in open_names else f"CASE WHEN {value} IS NOT NULL THEN '{MASK}' END"


def rows(db: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None) -> list[dict[str, str]]:
    """The rows of a query by column name, as text."""
    found = db.execute(query, parameters or [])
    names = [item[0] for item in found.description or []]
    return [{name: "" if value is None else str(value) for name, value in zip(names, row, strict=True)} for row in found.fetchall()]


def as_markdown(sample: Iterable[Mapping[str, str]]) -> str:
    """Rows as a Markdown table; `none` without any."""
    lines = list(sample)
    if not lines:
        return "none"
    names = list(dict.fromkeys(name for line in lines for name in line))
    body = ["| " + " | ".join(_cell(line.get(name, "")) for name in names) + " |" for line in lines]
    return "\n".join(["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("\r", "")


def as_json(sample: Iterable[Mapping[str, str]]) -> str:
    """Rows as one JSON text."""
    return json.dumps([dict(row) for row in sample], ensure_ascii=False)
