"""What a reading takes from a REST source, and what its state says: the promise "nothing lost, nothing twice" for REST is kept here.

    state of a stream  floor   the next reading begins here     seen     digests of delivered rows at or above the floor
                       high    the highest cursor delivered     keys     known keys, and when they were compared last
                       deletes the state of the list of deletions

The floor lies the look-back below the highest cursor, and below the source's own clock when the reading began: rows that the source shows
late, or that changed without their cursor (VTEX tells an order by its creation), are met again, and delivered if their content is new.
A stream and its children share the requests; each has a state of its own, so that a kill between them loses nothing of either.
A stream without a cursor is read whole, and its state is empty.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from eco_assets.aurion.connectors.protocol import OPERATION
from eco_assets.aurion.connectors.rest_pages import Item, Lists, Row
from eco_assets.aurion.connectors.rest_shape import Child, Cursor, Endpoint, RestStream, dig, endpoint_of, filled
from eco_assets.aurion.connectors.rows import as_text, table
from eco_assets.aurion.connectors.seen import KnownKeys, Seen

Entry = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Some rows of a stream (by name) and its state after them."""

    stream: str
    rows: pa.Table
    entry: Entry
    cursor_from: str | None = None
    cursor_to: str | None = None


class Position:
    """Where one stream stands in its list."""

    def __init__(self, entry: Entry, start: float | None, lookback: float) -> None:
        self.lookback = lookback
        self.first_floor: float | None = entry.get("floor", start)
        self.floor, self.high = self.first_floor, entry.get("high")
        self.before = Seen.load(entry.get("seen"))
        self.now: dict[bytes, float | None] = {}

    def takes(self, item: Item) -> bool:
        """Whether the row is to be delivered: it is not below the floor, and was not."""
        is_below = item.value is not None and self.floor is not None and item.value < self.floor
        return not is_below and item.digest not in self.before and item.digest not in self.now

    def meet(self, items: Iterable[Item]) -> None:
        """Remember rows that were met, delivered or known."""
        for item in items:
            if item.value is None or self.floor is None or item.value >= self.floor:
                self.now[item.digest] = item.value

    def saved(self, reached: float | None, ceiling: float, *, is_over: bool = False) -> Entry:
        """The position now. Until everything up to the old height was met, the floor stays and all that was seen counts.

        Args:
            reached: every row below it was met; those of that very value may be cut by the end of a page.
            ceiling: the source's clock when reading began.
            is_over: nothing is left to be met.
        """
        if reached is None or (self.high is not None and (reached < self.high or (reached == self.high and not is_over))):
            digests = self.before.digests | set(self.now)
        else:
            floor = min(reached, ceiling) - self.lookback
            self.floor = floor if self.first_floor is None else max(floor, self.first_floor)
            self.high = reached
            self.now = {one: value for one, value in self.now.items() if value is None or value >= self.floor}
            digests = set(self.now)
        return {"floor": self.floor, "high": self.high, "seen": Seen(digests).dump()}


class Sweep:
    """One reading of one list."""

    def __init__(
        self, lists: Lists, stream: RestStream, names: Sequence[str], state: Mapping[str, Any], now: float, start: float | None
    ) -> None:
        self.lists, self.stream, self.names, self.now = lists, stream, names, now
        self.cursor = stream.endpoint.cursor
        self.entries: dict[str, Entry] = {name: dict(state.get(name) or {}) for name in names}
        self.start = start
        self.children = {child.name: child for child in stream.children}

    def parts(self) -> Generator[Part]:
        """Everything that the chosen streams have to tell."""
        if self.cursor is None:
            yield from self._whole()
            return
        tells = self.stream.deletes if self.stream.name in self.names else {}
        if "endpoint" in tells:
            yield from self._told_deletes(tells["endpoint"])
        known = KnownKeys(self.entries[self.stream.name].get("keys", [])) if "compare_keys" in tells else None
        yield from self._changes(self.cursor, known)
        if known is not None and self._is_due(tells["compare_keys"]):
            yield self._compared(tells["compare_keys"], known)

    def _whole(self) -> Generator[Part]:
        met: set[bytes] = set()
        for chunk in self.lists.chunks(self.stream.endpoint, None, None):
            fresh = [item for item in {item.digest: item for item in chunk.items}.values() if item.digest not in met]
            met.update(item.digest for item in fresh)
            rows = self._detailed(fresh)
            for name in self.names:
                if found := self._table(name, [rows[item.digest] for item in fresh]):
                    yield Part(name, found, {})

    def _changes(self, cursor: Cursor, known: KnownKeys | None) -> Generator[Part]:
        positions = {name: Position(self.entries[name], self.start, cursor.lookback) for name in self.names}
        floors = [position.floor for position in positions.values()]
        since = None if None in floors else min(floor for floor in floors if floor is not None)
        ceiling = self.now if cursor.type != "bigint" else float("inf")
        highest = None
        for chunk in self.lists.chunks(self.stream.endpoint, since, self.now if cursor.type != "bigint" else None):
            items = list({item.digest: item for item in chunk.items}.values())
            highest = _top([highest, *(item.value for item in items)])
            fresh = {name: [item for item in items if position.takes(item)] for name, position in positions.items()}
            rows = self._detailed({item.digest: item for chosen in fresh.values() for item in chosen}.values())
            for name, position in positions.items():
                position.meet(items)
                found = self._table(name, [rows[item.digest] for item in fresh[name] if item.digest in rows])
                if found is not None or fresh[name]:
                    yield self._part(name, found, position.saved(chunk.reached, ceiling), known, fresh[name], cursor)
        for name, position in positions.items():
            entry = position.saved(_top([highest, position.high]), ceiling, is_over=True)
            if entry != {key: self.entries[name].get(key) for key in entry}:
                yield self._part(name, None, entry, None, [], cursor)

    def _part(self, name: str, rows: pa.Table | None, entry: Entry, known: KnownKeys | None, items: Sequence[Item], cursor: Cursor) -> Part:
        if known is not None and name == self.stream.name and rows is not None:
            known.add(rows.select(self.stream.key))
        self.entries[name] |= {**entry, **({} if known is None or name != self.stream.name else {"keys": list(known.chunks)})}
        values = [item.value for item in items if item.value is not None]
        first, last = (cursor.text(min(values)), cursor.text(max(values))) if values else (None, None)
        return Part(name, self._none(name) if rows is None else rows, dict(self.entries[name]), first, last)

    def _detailed(self, items: Iterable[Item]) -> dict[bytes, Row]:
        """Rows by digest, with their details where the stream has them; one that is gone meanwhile is left out."""
        if not self.stream.detail:
            return {item.digest: item.row for item in items}
        found: dict[bytes, Row] = {}
        for item in items:
            values = {name: as_text(value) for name, value in item.row.items() if not isinstance(value, Mapping | list)}
            detail = self.lists.one(filled(self.stream.detail, values))
            if detail is not None:
                found[item.digest] = {**item.row, **detail}
        return found

    def _table(self, name: str, rows: Sequence[Row]) -> pa.Table | None:
        if name in self.children:
            rows, fields = [child for row in rows for child in _inside(row, self.children[name])], self.children[name].fields
            return table(rows, fields) if rows else None
        if not rows:
            return None
        found = table(rows, self.stream.fields)
        marker = self.stream.deletes.get("field")
        if marker is None:
            return found
        marks = ["delete" if dig(row, marker) in self.stream.deletes.get("values", [True]) else "upsert" for row in rows]
        return found.append_column(OPERATION, pa.array(marks, pa.string()))

    def _none(self, name: str) -> pa.Table:
        return table([], self.children[name].fields if name in self.children else self.stream.fields)

    def _told_deletes(self, told: Mapping[str, Any]) -> Generator[Part]:
        """Keys from a list of deletions."""
        endpoint = endpoint_of(told, {})
        if endpoint.cursor is None:
            raise ValueError("checked by the shape")
        entry = self.entries[self.stream.name]
        position = Position(entry.get("deletes", {}), self.start, endpoint.cursor.lookback)
        highest = None
        for chunk in self.lists.chunks(endpoint, position.floor, self.now):
            fresh = [item for item in chunk.items if position.takes(item)]
            position.meet(chunk.items)
            highest = _top([highest, *(item.value for item in chunk.items)])
            entry["deletes"] = position.saved(chunk.reached, self.now)
            if fresh:
                rows = [{ours: dig(item.row, theirs) for theirs, ours in told["key"].items()} for item in fresh]
                yield Part(self.stream.name, self._deleted(rows), dict(entry))
        entry["deletes"] = position.saved(_top([highest, position.high]), self.now, is_over=True)

    def _compared(self, told: Mapping[str, Any], known: KnownKeys) -> Part:
        """Known keys that are in the list no more. Where the source shows single rows, it is asked about each of them first."""
        base = self.stream.endpoint
        endpoint = endpoint_of({name: value for name, value in told.items() if name != "cursor"}, {}, base)
        chunks = self.lists.chunks(endpoint, None, None, is_rough="item" in told)  # a row that is missed is asked for below
        rows = [item.row for chunk in chunks for item in chunk.items]
        present = self._keys(rows)
        gone = known.without(present)
        if "item" in told and gone.num_rows:
            is_alive = pa.array([self.lists.one(filled(told["item"], row)) is not None for row in gone.to_pylist()], pa.bool_())
            present = pa.concat_tables([present, gone.filter(is_alive)])
            gone = gone.filter(pa.compute.invert(is_alive))
        known.replace(present)
        entry = self.entries[self.stream.name]
        entry |= {"keys": list(known.chunks), "compared": int(time.time())}
        return Part(self.stream.name, gone.append_column(OPERATION, pa.array(["delete"] * gone.num_rows, pa.string())), dict(entry))

    def _is_due(self, told: Mapping[str, Any]) -> bool:
        return bool(time.time() - self.entries[self.stream.name].get("compared", 0) >= told.get("every_s", 0))

    def _keys(self, rows: Sequence[Row]) -> pa.Table:
        words = {name: self.stream.fields[name] for name in self.stream.key}
        return table([{name: row.get(name) for name in words} for row in rows], words)

    def _deleted(self, rows: Sequence[Row]) -> pa.Table:
        keys = self._keys(rows)
        return keys.append_column(OPERATION, pa.array(["delete"] * keys.num_rows, pa.string()))


def lists_of(stream: RestStream) -> list[Endpoint]:
    """Every list that a stream asks for, to be checked before it is read."""
    told = [stream.deletes[name] for name in ("endpoint", "compare_keys") if name in stream.deletes]
    return [stream.endpoint, *(endpoint_of(one, {}, stream.endpoint) for one in told)]


def _inside(row: Row, child: Child) -> Iterable[dict[str, Any]]:
    found = dig(row, child.path)
    above = {ours: dig(row, theirs) for ours, theirs in child.parent.items()}
    return ({**above, **{k: v for k, v in inner.items() if k not in above}} for inner in found or () if isinstance(inner, Mapping))


def _top(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
