"""Brings the online rows of a view up to a moment: what the lake says is meant at it, nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from eco_assets.aurion.features import offline, sql
from eco_assets.aurion.features.online import OnlineStore, Writer, decode_key, kept
from eco_assets.aurion.features.views import View
from eco_assets.lake import Lake


@dataclass(frozen=True)
class Materialized:
    """What a materialization did.

    Attributes:
        view: its name.
        through: the moment that the view is now complete for; later than asked when it was already.
        read: rows that were read from the lake; written: rows that changed; deleted: rows that expired or are no longer in the lake.
        rows: rows that are served now.
        newest: the latest event time that is served.
        seconds: how long it took.
    """

    view: str
    through: datetime
    read: int
    written: int
    deleted: int
    rows: int
    newest: datetime | None
    seconds: float


def materialize(lake: Lake, online: OnlineStore, view: View, through: datetime, *, is_full: bool = False) -> Materialized:
    """Bring a view up to `through`. Idempotent; a process that dies in it leaves a view that the next call completes.

    A view that is complete for a later moment stays there: an old day is read again, because its rows may have been corrected, and never
    put over a newer one. With `late_by` only rows known since so long before are read, unless `is_full`; rows that left the lake since
    then leave the store.

    Raises:
        NotFound: the view's table was not built yet.
        LakeBusy, SourceUnavailable: try again later.
    """
    started = time.perf_counter()
    with online.writing(view.space) as writer:
        before = online.through(view.space)
        asked = sql.micros(through)
        # The newest row counts too: a process may have died before it said how far it came.
        moment = max(us for us in (asked, before, online.newest(view.space)) if us is not None)
        since = None
        if before is not None and view.late_by is not None and not is_full:
            since = min(asked, before) - sql.span(view.late_by)
        read, written, deleted = _copy(lake, writer, view, moment, since)
        if view.ttl is not None:
            deleted += writer.delete_before(moment - sql.span(view.ttl))
        writer.finish(moment)
    newest = online.newest(view.space)
    return Materialized(
        view=view.name,
        through=sql.moment_of(moment),
        read=read,
        written=written,
        deleted=deleted,
        rows=online.count(view.space),
        newest=None if newest is None else sql.moment_of(newest),
        seconds=time.perf_counter() - started,
    )


def _copy(lake: Lake, writer: Writer, view: View, moment: int, since: int | None) -> tuple[int, int, int]:
    """Rows read, written and deleted.

    A key whose served row is of the time that is read again, and for which nothing as new was found there, is looked up over all time:
    its row was taken back.
    """
    read = written = deleted = 0
    waiting = writer.times(since)
    from_us = None if since is None else sql.moment_of(since)
    for chunk in offline.latest(lake, view, sql.moment_of(moment), from_us):
        rows = [kept(view, row) for row in chunk]
        read += len(rows)
        written += writer.put(rows)
        for row in rows:
            if waiting.get(row.key, row.event_us) <= row.event_us:
                waiting.pop(row.key, None)
    if waiting:
        keys = [decode_key(view, key) for key in waiting]
        for chunk in offline.latest(lake, view, sql.moment_of(moment), keys=keys):
            rows = [kept(view, row) for row in chunk]
            written += writer.put(rows, is_forced=True)
            for row in rows:
                del waiting[row.key]
        deleted = writer.delete(list(waiting))
    return read, written, deleted
