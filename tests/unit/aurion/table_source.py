"""A small connector over a SQLite table with a change counter: what tests of syncing read from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.aurion.landing import Landing
from eco_assets.aurion.sync import Source, sync
from eco_assets.contracts.contract import Column, load_contracts
from eco_assets.errors import SourceUnavailable
from eco_assets.lake import Lake


def column(name: str, kind: str, **more: Any) -> Column:
    return Column(name, name, kind, is_required=False, classification="internal", is_personal=False, description="", **more)


CONTRACT = replace(
    load_contracts()[0],
    domain="loja",
    entity="pedidos",
    server="connection",
    load_mode="upsert",
    keeps_good_rows=False,
    key=("id",),
    columns=(column("id", "BIGINT"), column("total", "BIGINT", minimum=0), column("change", "BIGINT")),
)
_SCHEMA = pa.schema([("id", pa.int64()), ("total", pa.int64()), ("change", pa.int64())])


class TableSource:
    """Reads `orders` in the order of its change counter; the stream `broken` fails after its first page."""

    def spec(self) -> Spec:
        return Spec({"type": "object", "properties": {"path": {"type": "string"}, "page": {"type": "integer"}}})

    def check(self, config: Config) -> None:
        sqlite3.connect(config["path"]).close()

    def discover(self, config: Config) -> Sequence[Stream]:
        return [Stream(name, _SCHEMA, ("id",), "change") for name in ("orders", "broken")]

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        (stream,) = streams
        since = state.get(stream.name, {}).get("change", -1)
        with sqlite3.connect(config["path"]) as db:
            while True:
                query = "SELECT id, total, change FROM orders WHERE change > ? ORDER BY change LIMIT ?"
                rows = db.execute(query, (since, config["page"])).fetchall()
                if not rows:
                    return
                table = pa.Table.from_pylist([dict(zip(_SCHEMA.names, row, strict=True)) for row in rows], schema=_SCHEMA)
                start, since = since, rows[-1][2]
                yield Batch(stream.name, table, {stream.name: {"change": since}}, f"{start}..{since}", str(start), str(since))
                if stream.name == "broken":
                    raise SourceUnavailable("the source went away")


def fill(path: Path, keys: Iterable[int], total: int = 5) -> None:
    """Add or change rows; each gets the next number of the change counter."""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, total INTEGER, change INTEGER)")
        newest = db.execute("SELECT coalesce(max(change), 0) FROM orders").fetchone()[0]
        rows = [(key, total, newest + number) for number, key in enumerate(keys, 1)]
        db.executemany("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", rows)


def read_all(root: str) -> None:
    """Sync the house under `root` to its end."""
    lake = Lake(Path(root) / "lake", wait_s=30)
    landing = Landing(lake, Path(root) / "data", Path(root) / "inbox")
    source = Source("loja", TableSource(), {"path": f"{root}/shop.db", "page": 100}, [("orders", CONTRACT)])
    for _ in sync(lake, landing, source):
        pass
