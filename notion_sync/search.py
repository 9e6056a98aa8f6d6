"""Full-text search over everything that is written: SQLite FTS5 on Portuguese stems, title before text, with filters and snippets.

`search` is what the `eco` command, the tools' server and the console call. What is asked becomes words and nothing else, so no
question can break the query's syntax. The index lies in the home and is only a copy: `eco search` brings it up to date.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.errors import RequestRefused
from notion_sync.portuguese import WORD, form, stem, term, terms
from notion_sync.search_index import SearchIndex
from notion_sync.search_look import Filters, Look, Query
from notion_sync.search_scan import DAY_BITS

if TYPE_CHECKING:
    from eco_assets.settings import Settings

__all__ = ["EVERYTHING", "Filters", "Hit", "Query", "find", "parse", "search", "snippet"]

EVERYTHING = Filters()
MOST = 100  # hits of one search
LONGEST = 500  # characters of a question
SNIPPET = 240  # characters around the hits
_LEAD = 60  # of them before the first
_SCANNED = 60_000  # characters of a page that a snippet is looked for in
_EXPANDED = 64  # stems that the beginning of a word may stand for
_WORDS = 24  # of a question
_PIECE = re.compile(r'(-(?=["\w]))?(?:"([^"]*)"?|([^\s"]+))')
_NEXT_MARK = re.compile(r"\*\*(\s+)\*\*")


@dataclass(frozen=True)
class Hit:
    """A page that was found.

    Attributes:
        path: relative to its folder, with forward slashes.
        folder: the folder that was searched.
        title: its first heading.
        kind: as `relatorio_diario`.
        agent: empty where it is about none.
        day: ISO; empty where it has none.
        score: BM25, higher is better; comparable within one search only.
        has_all: whether all words were found; pages with some of them come after those with all.
        snippet: the text around the hits, each between `**`.
    """

    path: str
    folder: str
    title: str
    kind: str
    agent: str
    day: str
    score: float
    has_all: bool
    snippet: str


def search(
    settings: Settings, text: str, filters: Filters = EVERYTHING, *, limit: int = 10, folders: Sequence[Path] = (), is_fresh: bool = False
) -> list[Hit]:
    """Pages of the knowledge folder, the best first.

    Args:
        settings: whose home and knowledge folder.
        text: words, of which all forms are found; "a phrase"; the beginning of a word as `campan*`; `-word` that must not be there.
        filters: agent, kind, days.
        limit: at most so many hits; 1 to 100.
        folders: further folders of Markdown to search, such as `docs`.
        is_fresh: whether to look for changed pages first in any case; else the index may be some seconds old.

    Raises:
        RequestRefused: there is no word to look for, the question is too long, or the days are the wrong way round.
        TransientError: the index is locked or cannot be written.
    """
    if filters.since and filters.until and filters.since > filters.until:
        raise RequestRefused(f"{filters.since} is after {filters.until}: put the days the other way round")
    roots = [settings.knowledge, *folders]
    index = SearchIndex.of(settings.home)
    index.refresh(roots, is_forced=is_fresh)
    names, most = [str(root.resolve()) for root in roots], max(1, min(limit, MOST))
    try:
        with index.reading() as db:
            return find(db, parse(db, text), filters, names, most)
    except sqlite3.DatabaseError:  # damaged since it was last brought up to date
        index.rebuild(roots)
        with index.reading() as db:
            return find(db, parse(db, text), filters, names, most)


def parse(db: sqlite3.Connection, text: str) -> Query:
    """What `text` asks for. Raises `RequestRefused`."""
    if len(text) > LONGEST:
        raise RequestRefused(f"the question has {len(text)} characters; ask with at most {LONGEST}")
    parts: list[str] = []
    without: list[str] = []
    marked: set[str] = set()
    for minus, phrase, word in _PIECE.findall(text)[:_WORDS]:
        alternatives = _beginning(db, word) if word.endswith("*") else [terms(phrase or word)]
        quoted = [f'"{" ".join(stems)}"' for stems in alternatives if stems]
        if not quoted:
            if word.endswith("*") and WORD.search(word) and not minus:
                quoted, alternatives = ['"\N{REPLACEMENT CHARACTER}"'], []  # begins no word at all: nothing can be found
            else:
                continue
        (without if minus else parts).append(quoted[0] if len(quoted) == 1 else f"({' OR '.join(quoted)})")
        if not minus:
            marked |= {each for stems in alternatives for each in stems}
    if not parts:
        raise RequestRefused("say at least one word to look for, besides articles, prepositions and what is left out")
    return Query(tuple(dict.fromkeys(parts)), tuple(without), frozenset(marked))


def find(db: sqlite3.Connection, query: Query, filters: Filters, roots: Sequence[str], limit: int) -> list[Hit]:
    """Pages with all words, and where those are too few, pages with some."""
    looked = Look(db, filters, roots)
    scores = looked.best(query, f"({' AND '.join(query.parts)})", limit)
    found = [(number, score, True) for number, score in _ordered(db, scores, limit)]
    if len(found) < limit and len(query.parts) > 1:
        known = {number for number, _, _ in found}
        some = {number: score for number, score in looked.some(query, limit + len(found)).items() if number not in known}
        found += [(number, score, False) for number, score in _ordered(db, some, limit - len(found))]
    return [_hit(db, number, score, has_all, query) for number, score, has_all in found]


def _ordered(db: sqlite3.Connection, scores: Mapping[int, float], limit: int) -> list[tuple[int, float]]:
    """The best pages; equal scores by day, the newest first, then by path. A page's number tells its day."""
    nearly = sorted(scores.items(), key=lambda each: each[1])[: 2 * limit + 50]
    marks = ", ".join("?" * len(nearly))
    names = {row[0]: row[1:] for row in db.execute(f"SELECT id, path, root FROM pages WHERE id IN ({marks})", [n for n, _ in nearly])}
    return sorted(
        ((number, score) for number, score in nearly if number in names),  # one may have gone since it was found
        key=lambda each: (each[1], -(each[0] >> DAY_BITS), *names[each[0]]),
    )[:limit]


def _hit(db: sqlite3.Connection, number: int, score: float, has_all: bool, query: Query) -> Hit:
    columns = "root, path, title, kind, agent, day, body"
    root, path, title, kind, agent, day, body = db.execute(f"SELECT {columns} FROM pages WHERE id = ?", (number,)).fetchone()
    return Hit(path, root, title, kind, agent, day, round(-score, 4), has_all, snippet(body, query.terms))


def snippet(body: str, wanted: Iterable[str]) -> str:
    """The stretch of `body` with most of the wanted stems, each marked; its beginning where there are none."""
    needed = frozenset(wanted)
    spans: list[tuple[int, int, str]] = []
    best, best_count, first = (0, 0), 0, 0
    for found in WORD.finditer(body, 0, _SCANNED):
        stemmed = term(found.group())
        if stemmed not in needed:
            continue
        spans.append((found.start(), found.end(), stemmed))
        while spans[first][0] < found.end() - (SNIPPET - _LEAD):
            first += 1
        count = len({each for _, _, each in spans[first:]})
        if count > best_count:
            best, best_count = (first, len(spans)), count
        if best_count == len(needed):
            break
    start = body.rfind(" ", 0, max(0, spans[best[0]][0] - _LEAD)) + 1 if spans else 0
    return _marked(body, start, needed)


def _marked(body: str, start: int, needed: frozenset[str]) -> str:
    cut = body[start : start + SNIPPET]
    if start + SNIPPET < len(body):
        cut = cut.rsplit(None, 1)[0] if len(cut.split()) > 1 else cut
    text = WORD.sub(lambda found: f"**{found.group()}**" if term(found.group()) in needed else found.group(), cut)
    text = " ".join(_NEXT_MARK.sub(r"\1", text).split())
    return f"{'… ' if start else ''}{text}{' …' if start + len(cut) < len(body.rstrip()) else ''}"


def _beginning(db: sqlite3.Connection, word: str) -> list[list[str]]:
    """The stems of the words that begin so, for `campan*` and for `sub-categ*`."""
    *before, last = [form(each) for each in WORD.findall(word)] or [""]
    if not last:
        return []
    upper = last + chr(0x10FFFF)
    query = "SELECT DISTINCT stem FROM forms WHERE form >= ? AND form < ? ORDER BY length(form), form LIMIT ?"
    lead = [stem(each) for each in before if term(each)]
    return [[*lead, found] for (found,) in db.execute(query, (last, upper, _EXPANDED))]
