"""How pages are looked for in the index: which may count, and which of many that match are scored.

A score costs 2 µs a page that is scored and 0.1 µs a page that has one of the words, counting 0.05 µs a page. So what matches is counted
first, as far as it matters, and of what more than `SCORED` pages have only those with it in the title and the newest are scored.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from notion_sync.search_scan import DAY_BITS, first_id, mark

SCORED = 1_000
"""Pages that a question scores a step: 2 ms."""
COMMON = 10 * SCORED
"""A word that so many pages have tells them hardly apart; nobody counts further."""
_WEIGHTS = "8.0, 2.0, 1.0, 0.0"  # title, path and properties, text, marks
_LAST = (1 << 62) - 1


@dataclass(frozen=True)
class Query:
    """What was asked, as FTS5 expressions of quoted stems.

    Attributes:
        parts: one for each word or phrase that is looked for.
        without: one for each that must not be there.
        terms: the stems to mark in snippets.
    """

    parts: tuple[str, ...]
    without: tuple[str, ...]
    terms: frozenset[str]

    def less(self, wanted: str) -> str:
        """An expression without what must not be there."""
        return f"({wanted} NOT ({' OR '.join(self.without)}))" if self.without else wanted


@dataclass(frozen=True)
class Filters:
    """What pages to look at. `kind` is a kind or how it begins; the days are both included."""

    agent: str | None = None
    kind: str | None = None
    since: date | None = None
    until: date | None = None


class Look:
    """One question's view of the index: the pages that its filters and folders let through."""

    def __init__(self, db: sqlite3.Connection, filters: Filters, roots: Sequence[str]) -> None:
        self._db = db
        self._marks = " AND ".join(_marks(db, filters, roots))
        self._first = first_id(filters.since.isoformat()) if filters.since else 1 << DAY_BITS if filters.until else 0
        self._last = first_id(filters.until.isoformat()) + (1 << DAY_BITS) - 1 if filters.until else _LAST

    def count(self, match: str, most: int = COMMON) -> int:
        """How many pages match an expression; `most` where there are more."""
        query = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?)"
        return int(self._db.execute(query, (self._within(match), self._first, self._last, most)).fetchone()[0])

    def best(self, query: Query, wanted: str, limit: int) -> dict[int, float]:
        """Page → score (lower is better) of those that match; of very many, those with a word in the title, then the newest."""
        match = query.less(wanted)
        if self.count(match, SCORED + 1) <= SCORED:
            return self._scores(match)
        found = self._scores(query.less(f"(title : {wanted})"))
        if len(found) < limit:
            worst = max(found.values(), default=0.0)  # what is in no title comes after what is
            newest = self._scores(match)
            found |= {number: max(score, worst) for number, score in newest.items() if number not in found}
        return found

    def some(self, query: Query, limit: int) -> dict[int, float]:
        """Page → score of those with some of the words: with the rarest ones first, because those say most about a page."""
        counts = {part: self.count(query.less(part)) for part in query.parts}
        waiting, found, worst = sorted(query.parts, key=lambda part: counts[part]), dict[int, float](), -math.inf
        while waiting and len(found) < limit:
            rare = _few(waiting, counts)
            waiting = waiting[len(rare) :]
            others = [part for part in waiting if counts[part] < COMMON]
            scores = self.best(query, _scored_with(rare, others), limit)
            found |= {number: max(score, worst) for number, score in scores.items() if number not in found}
            worst = max(found.values(), default=worst)
        return found

    def _scores(self, match: str) -> dict[int, float]:
        query = f"""SELECT rowid, bm25(words, {_WEIGHTS}) FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?
                    ORDER BY rowid DESC LIMIT ?"""
        return dict(self._db.execute(query, (self._within(match), self._first, self._last, SCORED)))

    def _within(self, match: str) -> str:
        return f"{match} AND {self._marks}" if self._marks else match


def _few(parts: Sequence[str], counts: dict[str, int]) -> list[str]:
    """The first parts, the rarest, that few enough pages have together; one at least."""
    chosen, total = [parts[0]], counts[parts[0]]
    for part in parts[1:]:
        total += counts[part]
        if total > SCORED:
            break
        chosen.append(part)
    return chosen


def _scored_with(rare: Sequence[str], others: Sequence[str]) -> str:
    """Pages with a rare word; the others count towards the score where they are, and let nothing through by themselves."""
    wanted = f"({' OR '.join(rare)})"
    return f"({wanted} OR ({wanted} AND ({' OR '.join(others)})))" if others else wanted


def _marks(db: sqlite3.Connection, filters: Filters, roots: Sequence[str]) -> list[str]:
    found = []
    if filters.agent:
        found.append(f'marks : "{mark("a", filters.agent)}"')
    if filters.kind:
        upper = filters.kind + chr(0x10FFFF)
        kinds = [kind for (kind,) in db.execute("SELECT kind FROM kinds WHERE kind >= ? AND kind < ?", (filters.kind, upper))]
        found.append(_any([mark("k", kind) for kind in kinds or [filters.kind]]))
    places = ", ".join("?" * len(roots))
    if db.execute(f"SELECT 1 FROM scans WHERE root NOT IN ({places})", roots).fetchone():
        found.append(_any([mark("r", root) for root in roots]))
    return found


def _any(tokens: Sequence[str]) -> str:
    return "marks : ({})".format(" OR ".join(f'"{token}"' for token in tokens))
