"""Takes events in exactly once: into the ledger (answers, outcomes, an entry each) and into the lake's table `feedback.events`.

Each step may be done again without effect, and the lake comes last: an event that is not there is settled again after a kill, with the
same result. How far the table is, is read from the table itself, so nothing can be lost between two stores.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from eco_assets.jorge.approvers import Approvers
from eco_assets.ledger import Entry, Ledger
from notion_sync.approval_pages import proposed_on
from notion_sync.feedback.answers import NOTHING, Answers, PageState, Settlement
from notion_sync.feedback.events import FeedbackEvent, identity, typed
from notion_sync.sync.store import Event as Noted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from eco_assets.lake import Lake

KIND = "feedback"  # of the ledger
TABLE = "feedback.events"
BATCH = 2_000  # events a transaction
_COLUMNS: Mapping[str, str] = {
    "event_id": "VARCHAR",
    "seq": "BIGINT",
    "kind": "VARCHAR",
    "page": "VARCHAR",
    "key": "VARCHAR",
    "who": "VARCHAR",
    "at": "TIMESTAMPTZ",
    "before": "VARCHAR",
    "after": "VARCHAR",
    "decision_id": "VARCHAR",
    "agent": "VARCHAR",
    "as_of": "DATE",
    "result": "VARCHAR",
    "why": "VARCHAR",
}
Events = Callable[[int], Sequence[Noted]]
"""Gives the events after a number, in their order; 0 is from the first one."""


@dataclass
class Taken:
    """What was taken in: events by kind and by what came of them, and the approval pages that must tell it."""

    added: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    days: set[tuple[str, str]] = field(default_factory=set)


class Intake:
    """The one consumer of the events of a home.

    Args:
        lake, ledger: targets.
        people: who may answer.
        lock: a file; two consumers of one home take turns.
        has_accounts: the pages are in Notion, where accounts answer and names that people fill in count for nothing.
    """

    def __init__(self, lake: Lake, ledger: Ledger, people: Approvers, lock: Path, *, has_accounts: bool = False) -> None:
        self._lake, self._ledger = lake, ledger
        self._answers = Answers(ledger, people, has_accounts=has_accounts)
        lock.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(lock)

    def take_in(self, events: Events) -> Taken:
        """Take in everything that is new.

        Raises:
            LedgerError, LakeBusy: a target cannot be written; the same call later goes on where this one ended.
        """
        taken = Taken()
        with self._lock:
            waiting = self._unseen(events)
            for start in range(0, len(waiting), BATCH):
                self._take(waiting[start : start + BATCH], events, taken)
        return taken

    def pending(self, events: Events) -> int:
        """How many events are not in the table yet."""
        return len(self._unseen(events))

    def count(self) -> tuple[int, int]:
        """How many rows the table has, and how many of them repeat an event."""
        if not self._has_table():
            return 0, 0
        with self._lake.connect() as db:
            rows, events = db.execute(f"SELECT count(*), count(DISTINCT event_id) FROM {TABLE}").fetchone() or (0, 0)
        return int(rows), int(rows) - int(events)

    def _unseen(self, events: Events) -> Sequence[Noted]:
        """Events after the newest one in the table; all that it lacks where the table was filled from another store, now lost."""
        seq, newest = self._mark()
        if seq:
            since = events(seq - 1)
            if since and since[0].id == seq and identity(since[0]) == newest:
                return since[1:]
        known = self._known()
        return [event for event in events(0) if identity(event) not in known]

    def _mark(self) -> tuple[int, str]:
        if not self._has_table():
            return 0, ""
        with self._lake.connect() as db:
            row = db.execute(f"SELECT seq, event_id FROM {TABLE} ORDER BY taken_in DESC, seq DESC LIMIT 1").fetchone()
        return (int(row[0]), str(row[1])) if row else (0, "")

    def _known(self) -> set[str]:
        if not self._has_table():
            return set()
        with self._lake.connect() as db:
            return {str(row[0]) for row in db.execute(f"SELECT event_id FROM {TABLE}").fetchall()}

    def _has_table(self) -> bool:
        if not self._lake.exists("eco"):
            return False
        named = "(table_catalog, table_schema, table_name) = ('eco', 'feedback', 'events')"
        with self._lake.connect() as db:
            return db.execute(f"SELECT 1 FROM information_schema.tables WHERE {named}").fetchone() is not None

    def _take(self, batch: Sequence[Noted], events: Events, taken: Taken) -> None:
        pages = self._pages(batch, events)
        done = [(typed(event), self._settled(event, pages)) for event in batch]
        self._ledger.append(_entry(event, settlement) for event, settlement in done)
        rows = [_row(event, settlement) for event, settlement in done]
        taken.added += self._lake.commit(lambda db: _insert(db, rows))
        taken.kinds.update(event.kind for event, _ in done)
        taken.results.update(settlement.result for _, settlement in done)
        taken.days |= {(event.agent, event.as_of) for event, _ in done if event.agent and event.as_of and proposed_on(event.page)}

    def _pages(self, batch: Sequence[Noted], events: Events) -> dict[str, PageState]:
        """The state of each approval page of a batch, from everything that was ever noted about it."""
        asked = {event.page for event in batch if proposed_on(event.page)}
        histories: dict[str, list[Noted]] = {page: [] for page in asked}
        for event in events(0) if asked else ():
            if event.page in histories:
                histories[event.page].append(event)
        return {page: PageState.of(history) for page, history in histories.items()}

    def _settled(self, event: Noted, pages: Mapping[str, PageState]) -> Settlement:
        """What came of an event; what the ledger says of it already stands."""
        name = identity(event)
        if self._ledger.holds(KIND, name):
            held = self._ledger.get(KIND, name)
            return Settlement(held["result"], held["told"], held["why"], held["decision_id"])
        page = pages.get(event.page)
        return self._answers.settle(event, page) if page is not None else NOTHING


def _entry(event: FeedbackEvent, settlement: Settlement) -> Entry:
    """The ledger keeps for ever, so it gets hashes of what people wrote, and no words."""
    body = {
        "event_id": event.id,
        "event": event.kind,
        "page": event.page,
        "key": event.key,
        "who": event.who,
        "at": event.at.isoformat(),
        "before_sha256": _sha256(event.before),
        "after_sha256": _sha256(event.after),
        "decision_id": settlement.decision_id or event.decision,
        "result": settlement.result,
        "told": settlement.told,
        "why": settlement.why,
    }
    return Entry(KIND, event.id, event.agent or "grupo", event.as_of, body)


def _row(event: FeedbackEvent, settlement: Settlement) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "seq": event.seq,
        "kind": event.kind,
        "page": event.page,
        "key": event.key,
        "who": event.who,
        "at": event.at,
        "before": event.before,
        "after": event.after,
        "decision_id": settlement.decision_id or event.decision or None,
        "agent": event.agent or None,
        "as_of": event.as_of or None,
        "result": settlement.result,
        "why": settlement.why or None,
    }


def _insert(db: DuckDBPyConnection, rows: Sequence[dict[str, Any]]) -> int:
    """Add the rows whose event is not there; returns how many were. One statement, so that it is one file."""
    import pandas as pd

    columns = ", ".join(f'"{name}" {kind}' for name, kind in _COLUMNS.items())
    db.execute("CREATE SCHEMA IF NOT EXISTS feedback")
    db.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns}, taken_in TIMESTAMPTZ)")
    db.register("incoming", pd.DataFrame(rows, columns=[*_COLUMNS]).astype({"at": "datetime64[us, UTC]"}))
    wanted = ", ".join(f'CAST(incoming."{name}" AS {kind})' for name, kind in _COLUMNS.items())
    query = f"INSERT INTO {TABLE} SELECT {wanted}, now() FROM incoming ANTI JOIN {TABLE} AS known ON incoming.event_id = known.event_id"
    return int(db.execute(query).fetchall()[0][0])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if text else ""
