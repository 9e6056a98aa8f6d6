"""What a reading of a table consists of: the deletes that a table tells, the sweeps over it, and the keys that are there no more."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import replace

import pyarrow as pa

from eco_assets.aurion.connectors.protocol import OPERATION
from eco_assets.aurion.connectors.seen import KnownKeys
from eco_assets.aurion.connectors.sql_read import Session
from eco_assets.aurion.connectors.sql_sweep import Entry, Part, select_all, sweep
from eco_assets.aurion.connectors.sql_tables import Table
from eco_assets.aurion.connectors.sql_tables import table as reflected


def whole(session: Session, table: Table) -> Generator[Part]:
    """Every row, for a table without a cursor."""
    selected = select_all(table)
    if table.is_ordered_by_key:
        selected = selected.order_by(*(table.source.c[name] for name in table.key))
    for rows in session.stream(selected, table.columns):
        yield Part(rows, {})


def changes(session: Session, table: Table, entry: Entry) -> Generator[Part]:
    """Rows that changed, and deletes, since the state; the sweep that was cut off first, then one up to now."""
    entry = dict(entry)
    deletes = table.deletes
    if "table" in deletes:
        for part in _told_deletes(session, table, entry):
            entry = part.entry
            yield part
    known = KnownKeys(entry.get("keys", [])) if deletes.get("compare_keys") else None
    is_cut_off = entry.get("at") is not None
    for _ in range(2 if is_cut_off else 1):
        for part in sweep(session, table, entry):
            entry = part.entry
            if known is not None:
                known.add(part.rows.select(table.key))
                entry = {**entry, "keys": list(known.chunks)}
            yield replace(part, rows=_marked(part.rows, table), entry=entry)
    if known is not None and time.time() - entry.get("compared", 0) >= deletes.get("every_s", 0):
        yield _compared(session, table, entry, known)


def _told_deletes(session: Session, table: Table, entry: Entry) -> Iterator[Part]:
    """Rows of the table of deletions whose key is not there (any more): one that was deleted and made again is no delete."""
    import sqlalchemy as sa

    deletes = table.deletes
    log = reflected(session.connection, session.config, deletes["table"])
    log = replace(log, cursor=deletes.get("cursor", log.cursor), lookback=table.lookback, deletes={}, name=log.name)
    names = dict(deletes.get("key") or {name: name for name in table.key})
    matches = [table.source.c[ours] == log.source.c[theirs] for theirs, ours in names.items()]
    is_gone = ~sa.exists(sa.select(sa.literal(1)).select_from(table.source).where(*matches))
    for part in sweep(session, log, entry.get("deletes", {}), is_gone):
        rows = part.rows.select(list(names)).rename_columns(list(names.values()))
        yield replace(part, rows=_deleted(rows.group_by(rows.column_names).aggregate([])), entry={**entry, "deletes": part.entry})


def _compared(session: Session, table: Table, entry: Entry, known: KnownKeys) -> Part:
    """Known keys that the table does not have any more."""
    import sqlalchemy as sa

    columns = [table.column(name) for name in table.key]
    select = sa.select(*(table.source.c[name] for name in table.key)).select_from(table.source)
    parts = list(session.stream(select, columns))
    present = pa.concat_tables(parts) if parts else pa.schema([(c.name, c.type) for c in columns]).empty_table()
    gone = known.without(present)
    known.replace(present)
    return Part(_deleted(gone), {**entry, "keys": list(known.chunks), "compared": int(time.time())})


def _deleted(keys: pa.Table) -> pa.Table:
    return keys.append_column(OPERATION, pa.array(["delete"] * keys.num_rows, pa.string()))


def _marked(rows: pa.Table, table: Table) -> pa.Table:
    """Rows with the operation column where a column of the table marks what is deleted."""
    if "column" not in table.deletes:
        return rows
    values = rows[table.deletes["column"]].to_pylist()
    wanted = table.deletes.get("values")
    is_deleted = [
        (value in wanted) if wanted is not None else (value is not None and value is not False and value != 0) for value in values
    ]
    return rows.append_column(OPERATION, pa.array(["delete" if gone else "upsert" for gone in is_deleted], pa.string()))
