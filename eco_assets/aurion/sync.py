"""Reads a connection into the lake: what a connector delivers is landed under its contract and committed with the state that follows it.

Rows and state are one transaction, so a sync that is killed at any moment reads on from what was committed: nothing lost, nothing twice.
A batch that its contract refuses stays in quarantine and stops its stream where it is; the next sync meets it again. A source that is
read whole and has nothing leaves what is served alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eco_assets.aurion.connectors.protocol import Batch as Read
from eco_assets.aurion.connectors.protocol import Config, Connector, State, Stream
from eco_assets.aurion.landing import Landed, Landing
from eco_assets.aurion.load import Load, commit, load
from eco_assets.aurion.loads import cursor
from eco_assets.contracts.contract import Contract
from eco_assets.errors import ContractError, SourceRefused
from eco_assets.lake import Lake

if TYPE_CHECKING:
    from eco_assets.aurion.batches import Batch

ROWS_A_COMMIT = 50_000
SECONDS_A_COMMIT = 15.0


@dataclass(frozen=True)
class Source:
    """A connection that is ready to be read: `tables` pairs each stream's name with the contract of the table it fills."""

    name: str
    connector: Connector
    config: Config
    tables: Sequence[tuple[str, Contract]]


def sync(lake: Lake, landing: Landing, source: Source) -> Iterator[Landed]:
    """Read each table's stream from where it stands; yields what became of it, a table at a time.

    Raises:
        SourceRefused, SourceUnavailable, ConfigError: as the connector's `read`; what was committed before stays.
    """
    offered = {stream.name: stream for stream in source.connector.discover(source.config)}
    for name, contract in source.tables:
        if name not in offered:
            raise SourceRefused(f"connection {source.name} has no stream {name!r}; it offers {', '.join(sorted(offered))}")
        yield _sync_stream(lake, landing, source, offered[name], contract)


def _sync_stream(lake: Lake, landing: Landing, source: Source, stream: Stream, contract: Contract) -> Landed:
    if contract.load_mode == "replace_file" and stream.cursor is not None:
        raise ContractError(f"{contract.table}: stream {stream.name} is read by changes, so its loadMode must be upsert or append")
    landing.reconcile(contract)
    is_whole = contract.load_mode == "replace_file"  # read whole every time, and so one batch under one origin
    known = {} if is_whole else cursor(lake, source.name, stream.name)
    state: State = {stream.name: known} if known else {}
    landed: list[Batch] = []
    for read in coalesced(source.connector.read(source.config, [stream], state), rows=0 if is_whole else ROWS_A_COMMIT):
        batches = []
        if read.rows.num_rows:
            origin = f"{source.name}/{stream.name}" + ("" if is_whole else f" {read.origin}")
            window = (read.cursor_from, read.cursor_to)
            batches = [landing.land_rows(contract, read.rows, origin, source=source.name, window=window)]
            landed += batches
            if batches[0].status == "quarantined":
                break
        after = read.state.get(stream.name, {})
        if batches or after != known:
            commit(lake, landing, [Load(contract, batches, {(source.name, stream.name): after})])
            known = after
    if not landed:
        load(lake, landing, [Landed(contract, ())])
    return landing.refreshed(Landed(contract, tuple(landed)))


def coalesced(reads: Iterable[Read], *, rows: int = ROWS_A_COMMIT, seconds: float = SECONDS_A_COMMIT) -> Iterator[Read]:
    """Join small batches, so that a page of a hundred rows is not a file and a commit of its own; the last one's state is the state.

    A batch ends at `rows` rows (0: never) or after `seconds` of reading, and where the columns change.
    """
    held: list[Read] = []
    started = time.monotonic()
    for read in reads:
        if held and not read.rows.schema.equals(held[0].rows.schema):
            yield _joined(held)
            held, started = [], time.monotonic()
        held.append(read)
        if rows and (sum(item.rows.num_rows for item in held) >= rows or time.monotonic() - started > seconds):
            yield _joined(held)
            held, started = [], time.monotonic()
    if held:
        yield _joined(held)


def _joined(reads: Sequence[Read]) -> Read:
    import pyarrow as pa

    first, last = reads[0], reads[-1]
    origin = first.origin if len(reads) == 1 or first.origin == last.origin else f"{first.origin} .. {last.origin}"
    starts = [read.cursor_from for read in reads if read.cursor_from is not None]
    ends = [read.cursor_to for read in reads if read.cursor_to is not None]
    rows = pa.concat_tables([read.rows for read in reads])
    return replace(last, rows=rows, origin=origin, cursor_from=starts[0] if starts else None, cursor_to=ends[-1] if ends else None)
