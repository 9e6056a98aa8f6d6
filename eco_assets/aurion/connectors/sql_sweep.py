"""Which rows of a table a reading takes, and what its state says: the promise "nothing lost, nothing twice" for databases is kept here.

A *sweep* reads, in one snapshot and ordered by (cursor, key), every row from `floor` up to `until`, the newest cursor when it began. The
next sweep begins again at `until` less the look-back, because a transaction may commit a row with an older cursor than rows that were
visible before; rows that were delivered are told by their digest and left out. A text cursor has no look-back. PostgreSQL also tells when
the oldest transaction in flight began; the floor is never above that, so a transaction longer than the look-back loses nothing either
(timestamps with zone only, and only of sessions that our user may see: `pg_read_all_stats` shows all).

    state of a stream  floor   the next sweep begins here            seen     digests of delivered rows at or above the floor
                       until   the sweep under way ends here         at       cursor and key of its last delivered row
                       next    the floor after it                    high     where the sweep before it ended
                       keys    known keys (when deletes are found    compared when they were compared last
                               by comparing them)                    deletes  the state of the table of deletions

Rows without a cursor value are read by every sweep and told by their whole content. Rows without a key too: the second of two equal rows
counts as another row. A table without a cursor is read whole, and its state is empty.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from eco_assets.aurion.connectors.rows import as_text, column, word_of
from eco_assets.aurion.connectors.seen import Seen, row_digests
from eco_assets.aurion.connectors.sql_read import Session, refuse_text
from eco_assets.aurion.connectors.sql_tables import Column, Table

if TYPE_CHECKING:
    import sqlalchemy as sa

Entry = dict[str, Any]
LOOKBACK_S = 300.0  # of a timestamp cursor where nothing is configured: longer than any web request or queue worker holds a transaction
LOOKBACK_DAYS = 1
LOOKBACK_UNITS = 1000  # of a number


@dataclass(frozen=True)
class Part:
    """Some rows of a stream and the stream's state after them."""

    rows: pa.Table
    entry: Entry
    cursor_from: str | None = None
    cursor_to: str | None = None


def sweep(session: Session, table: Table, entry: Entry, extra: Any = None) -> Iterator[Part]:
    """One sweep: from the state on, or the rest of one that was cut off.

    Args:
        session: the connection.
        table: the table; it has a cursor.
        entry: the stream's state.
        extra: a further condition.
    """
    one = Sweep(session, table, entry, extra)
    if one.cursor.is_nullable:
        yield from one.rows_without_cursor()
    if one.until is not None:
        yield from one.rows_in_order()


class Sweep:
    """One sweep over one table."""

    def __init__(self, session: Session, table: Table, entry: Entry, extra: Any) -> None:
        self.session, self.table, self.extra, self.entry = session, table, extra, dict(entry)
        self.cursor = table.column(table.cursor or "")
        self.has_key = table.is_ordered_by_key
        self.before = Seen.load(entry.get("seen"))
        self.ranks: Counter[str] = Counter()
        self.floor = self._load(entry.get("floor"))
        self.at = self._position(entry)
        is_cut_off = self.at is not None
        self.at_start = self.at[0] if self.at is not None else None
        self.now = Seen(self.before.digests if is_cut_off else ())
        self.high = self._load(entry.get("high" if is_cut_off else "until"))
        self.until = self._load(entry["until"]) if is_cut_off else self._newest()
        self.next_floor = self._load(entry["next"]) if is_cut_off else self._floor_after()
        self.told_apart_by = [*table.key, self.cursor.name] if self.has_key else [c.name for c in table.columns]

    def rows_without_cursor(self) -> Iterator[Part]:
        """Rows whose cursor is null: no order, so each sweep reads them all."""
        names = [c.name for c in self.table.columns]
        ranks: Counter[str] = Counter()
        for rows in self.session.stream(self._where(self.table.source.c[self.cursor.name].is_(None)), self.table.columns):
            digests = row_digests(rows, names, None if self.has_key else ranks)
            fresh = rows.filter(pa.array([not self._is_known(one) for one in digests], pa.bool_()))
            self.now.digests.update(digests)
            if fresh.num_rows:
                yield Part(fresh, self._saved())

    def rows_in_order(self) -> Iterator[Part]:
        """Rows from the floor to `until`, each part with the state after it."""
        cursor = self.table.source.c[self.cursor.name]
        conditions = [cursor <= self._bound(self.cursor, self.until)]
        start = self.at_start if self.at_start is not None else self.floor
        if start is not None:
            conditions.append(cursor >= self._bound(self.cursor, start))
        if self.at is not None and self.has_key:
            conditions.append(self._after(self.at))
        order = [cursor, *(self.table.source.c[name] for name in self.table.key)] if self.has_key else [cursor]
        for rows in self.session.stream(self._where(*conditions).order_by(*order), self.table.columns):
            refuse_text(rows, self.table.columns, [self.cursor.name, *self.table.key], self.table.name)
            first, last = rows[self.cursor.name][0].as_py(), rows[self.cursor.name][-1].as_py()
            self.at = [last, *(rows[name][-1].as_py() for name in self.table.key)] if self.has_key else [last]
            fresh = self._fresh(rows, last)
            if fresh.num_rows:
                yield Part(fresh, self._saved(), _dump(first), _dump(last))
        self.at = None
        self.entry["floor"], self.before = _dump(self.next_floor), Seen()
        yield Part(self.table.stream().schema.empty_table(), self._saved())

    def _fresh(self, rows: pa.Table, last: Any) -> pa.Table:
        """Rows that were not delivered. Only rows that may have been, or that the next sweep meets again, are looked at one by one."""
        values = rows[self.cursor.name]
        is_text = pa.types.is_string(values.type)  # its order is the database's, not Arrow's
        kept = pc.equal(values, self.until) if is_text else pc.greater_equal(values, pa.scalar(self.next_floor, values.type))
        if not self.has_key:  # reading goes on at the last value if it is cut off
            kept = pc.or_(kept, pc.equal(values, pa.scalar(last, values.type)))
        looked_at = kept
        if self.before.digests:
            is_old = pc.invert(kept) if is_text or self.high is None else pc.less_equal(values, pa.scalar(self.high, values.type))
            looked_at = pc.or_(kept, is_old)
            if self.at_start is not None and not self.has_key:
                looked_at = pc.or_(looked_at, pc.equal(values, pa.scalar(self.at_start, values.type)))
        at = pc.indices_nonzero(looked_at)
        if not len(at):
            return rows
        digests = row_digests(rows.take(at), self.told_apart_by, None if self.has_key else self.ranks)
        known = {place for place, one in zip(at.to_pylist(), digests, strict=True) if self._is_known(one)}
        keeps = kept.take(at).to_pylist()
        self.now.digests.update(one for one, keep in zip(digests, keeps, strict=True) if keep)
        return rows.filter(pa.array([place not in known for place in range(rows.num_rows)], pa.bool_())) if known else rows

    def _is_known(self, one: bytes) -> bool:
        return one in self.before or one in self.now

    def _saved(self) -> Entry:
        """The state as it is now. While a sweep is under way what was seen before it still counts."""
        under_way = self.at is not None
        seen = Seen(self.before.digests | self.now.digests)
        self.entry |= {"seen": seen.dump(), "until": _dump(self.until), "next": _dump(self.next_floor), "high": _dump(self.high)}
        return self.entry | {"at": [_dump(value) for value in self.at or []] if under_way else None}

    def _newest(self) -> Any:
        import sqlalchemy as sa

        column = self.table.source.c[self.cursor.name]
        newest = sa.select(column).where(column.is_not(None)).order_by(column.desc()).limit(1)
        return self._first(newest.select_from(self.table.source))

    def _first(self, select: sa.Select[Any]) -> Any:
        """The first value of a query, in the type that rows have."""
        for rows in self.session.stream(select, [self.cursor]):
            refuse_text(rows, [self.cursor], [self.cursor.name], self.table.name)
            return rows[0][0].as_py() if rows.num_rows else None
        return None

    def _floor_after(self) -> Any:
        """Where the next sweep begins: below it nothing can be committed any more."""
        until, look = self.until, self.table.lookback
        if until is None or isinstance(until, str | bool):
            return until
        if isinstance(until, dt.datetime):
            oldest = self.session.oldest
            if until.tzinfo is not None and isinstance(oldest, dt.datetime):
                until = min(until, oldest.astimezone(dt.UTC))
            return _no_earlier(until, dt.timedelta(seconds=LOOKBACK_S if look is None else look))
        if isinstance(until, dt.date):
            return until - dt.timedelta(days=LOOKBACK_DAYS if look is None else look)
        units = LOOKBACK_UNITS if look is None else look
        return until - (Decimal(str(units)) if isinstance(until, Decimal) else int(units))

    def _where(self, *conditions: Any) -> sa.Select[Any]:
        return select_all(self.table).where(*conditions, *([self.extra] if self.extra is not None else []))

    def _after(self, at: Sequence[Any]) -> Any:
        """(cursor, key...) > at, written out: SQL Server has no comparison of rows."""
        import sqlalchemy as sa

        names = [self.cursor.name, *self.table.key]
        options = []
        for place, name in enumerate(names):
            equal = [self.table.source.c[n] == self._bound(self.table.column(n), v) for n, v in zip(names[:place], at, strict=False)]
            options.append(sa.and_(*equal, self.table.source.c[name] > self._bound(self.table.column(name), at[place])))
        return sa.or_(*options)

    def _bound(self, column: Column, value: Any) -> Any:
        """A value to compare the column with. SQL Server's DATETIME is not equal to its own value unless that is cast back."""
        import sqlalchemy as sa

        if self.session.backend == "mssql" and isinstance(value, dt.datetime):
            return sa.cast(value, column.sql_type)
        return sa.literal(value, sa.types.NullType())  # else SQLAlchemy casts a whole number to INTEGER and a UUID's text to VARCHAR

    def _load(self, told: Any) -> Any:
        return load(told, self.cursor.type)

    def _position(self, entry: Entry) -> list[Any] | None:
        if entry.get("at") is None:
            return None
        types = [self.cursor.type, *(self.table.column(name).type for name in self.table.key)]
        return [load(told, wanted) for told, wanted in zip(entry["at"], types, strict=False)]


def select_all(table: Table) -> sa.Select[Any]:
    """All columns of a table."""
    import sqlalchemy as sa

    return sa.select(*table.source.c)


def _no_earlier(when: dt.datetime, than: dt.timedelta) -> dt.datetime:
    return when - than if when.toordinal() > than.days + 1 else when  # year 1 has nothing before it


def _dump(value: Any) -> str | None:
    return as_text(value)


def load(told: str | None, wanted: pa.DataType) -> Any:
    """A value of the state in the type of its column."""
    return None if told is None else column([told], word_of(wanted))[0].as_py()
