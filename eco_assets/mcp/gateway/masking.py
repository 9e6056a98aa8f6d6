"""Takes personal data out of a question's evidence before it leaves, and keeps what was taken in memory only.

A value under the name of a personal column (as the contracts declare it) goes as a whole; in any other text, what `personal_data`
finds goes. Equal finds get equal marks within one question, so that a model can still tell two people apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from eco_assets.mcp.questions import Evidence
from eco_assets.personal_data import normal, replaced

Mark = Callable[[str, str], str]


@dataclass(frozen=True)
class Masked:
    """Evidence that may leave. `vault` maps each mark to what it stands for; it is never stored, logged or shown."""

    evidence: Mapping[str, Evidence]
    vault: Mapping[str, str] = field(repr=False)

    @property
    def count(self) -> int:
        """How many different things were taken out."""
        return len(self.vault)

    def restored(self, text: str) -> str:
        """A text from the model with its marks replaced by what they stand for."""
        for mark, found in self.vault.items():
            text = text.replace(mark, found)
        return text


def mask(evidence: Mapping[str, Evidence]) -> Masked:
    """The evidence with personal data replaced by marks such as `[CPF_1]`; a number that JSON does not know becomes None."""
    marks: dict[tuple[str, str], str] = {}

    def mark(kind: str, found: str) -> str:
        if (kind, found) not in marks:
            marks[kind, found] = f"[{kind}_{sum(known == kind for known, _ in marks) + 1}]"
        return marks[kind, found]

    shown = {normal(name): _shown(name, evidence[name], mark) for name in sorted(evidence)}
    return Masked(shown, {name: found for (_, found), name in marks.items()})


def _shown(name: str, value: Evidence, mark: Mark) -> Evidence:
    if value is None or isinstance(value, bool):
        return value
    if name in personal_columns():
        return mark("PERSONAL", str(value))
    if isinstance(value, str):
        return replaced(normal(value), mark)
    if isinstance(value, int):
        return mark("NUMBER", str(value)) if replaced(str(value), lambda *_: "") == "" else value
    return value if math.isfinite(value) else None


@cache
def personal_columns() -> frozenset[str]:
    """Names of columns that some contract declares personal, except free text: there the finds alone are taken out."""
    from eco_assets.contracts.contract import load_contracts
    from notion_sync.privacy import is_free_text

    columns = (column for contract in load_contracts() for column in contract.columns)
    return frozenset(column.name for column in columns if column.is_personal and not is_free_text(column.name, ""))
