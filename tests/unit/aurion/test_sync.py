"""Reading a connection into the lake: killed at any moment, nothing is lost and nothing comes twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from table_source import CONTRACT, TableSource, fill

from eco_assets.aurion.connectors.protocol import Batch
from eco_assets.aurion.landing import Landed, Landing
from eco_assets.aurion.loads import cursor
from eco_assets.aurion.sync import Source, coalesced, sync
from eco_assets.contracts.contract import Contract
from eco_assets.errors import ContractError, SourceRefused, SourceUnavailable
from eco_assets.lake import Lake

WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
import eco_assets.aurion.sync as module
from table_source import read_all
module.ROWS_A_COMMIT = 400
print("ready", flush=True)
read_all(sys.argv[2])
"""


class House:
    """A lake, and a SQLite table outside it that changes."""

    def __init__(self, root: Path) -> None:
        self.root, self.lake = root, Lake(root / "lake", wait_s=30)
        self.landing = Landing(self.lake, root / "data", root / "inbox")

    def sync(self, contract: Contract = CONTRACT, stream: str = "orders", page: int = 100) -> Landed:
        source = Source("loja", TableSource(), {"path": str(self.root / "shop.db"), "page": page}, [(stream, contract)])
        return next(iter(sync(self.lake, self.landing, source)))

    def rows(self, columns: str = "id, total") -> list[tuple[object, ...]]:
        with self.lake.raw() as db:
            return db.execute(f"SELECT {columns} FROM loja.pedidos ORDER BY ALL").fetchall()

    def source_rows(self) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.root / "shop.db") as db:
            return db.execute("SELECT id, total FROM orders ORDER BY id, total").fetchall()

    def snapshots(self) -> int:
        return len(self.lake.snapshots("raw", 10_000))


@pytest.fixture
def house(tmp_path: Path) -> House:
    fill(tmp_path / "shop.db", range(250))
    return House(tmp_path)


def test_everything_is_read_and_the_second_time_nothing(house: House) -> None:
    house.sync()
    before = house.snapshots()

    assert house.sync().batches == ()
    assert house.rows() == house.source_rows()
    assert house.snapshots() == before


def test_late_updates_and_new_rows_are_read_on_from_the_cursor(house: House) -> None:
    house.sync()
    fill(house.root / "shop.db", [7, 300], total=9)

    landed = house.sync()

    assert sum(batch.rows for batch in landed.batches) == 2
    assert house.rows() == house.source_rows()


def test_a_source_that_fails_half_way_keeps_what_was_read_and_goes_on_from_there(house: House) -> None:
    with pytest.raises(SourceUnavailable):
        house.sync(stream="broken")
    served = len(house.rows()) if cursor(house.lake, "loja", "broken") else 0

    house.sync()

    assert served < 250
    assert house.rows() == house.source_rows()


def test_a_refused_batch_stops_its_stream_and_a_corrected_source_heals_it(house: House) -> None:
    house.sync()
    fill(house.root / "shop.db", [400], total=-1)
    refused = house.sync()
    again = house.sync()

    assert not refused.is_accepted
    assert "row 1, column total: below the minimum 0" in refused.reasons[0]
    assert [batch.batch_id for batch in again.batches] == [batch.batch_id for batch in refused.batches]
    assert len(house.rows()) == 250
    fill(house.root / "shop.db", [400], total=1)
    assert house.sync().is_accepted
    assert house.rows() == house.source_rows()


def test_a_stream_the_source_does_not_offer_is_named(house: House) -> None:
    with pytest.raises(SourceRefused, match=r"no stream 'pedidos'; it offers broken, orders"):
        house.sync(stream="pedidos")


def test_a_stream_of_changes_cannot_replace_its_table(house: House) -> None:
    with pytest.raises(ContractError, match="must be upsert or append"):
        house.sync(replace(CONTRACT, load_mode="replace_file"))


def test_an_empty_source_makes_an_empty_table(house: House) -> None:
    with sqlite3.connect(house.root / "shop.db") as db:
        db.execute("DELETE FROM orders")

    assert house.sync().is_accepted
    assert house.rows() == []


def test_small_batches_are_joined_and_carry_the_last_state() -> None:
    def reads() -> Iterator[Batch]:
        for number in range(5):
            rows = pa.table({"id": [number]}) if number < 4 else pa.table({"id": [number], "more": ["x"]})
            yield Batch("orders", rows, {"orders": {"at": number}}, f"page {number}", str(number), str(number))

    joined = list(coalesced(reads(), rows=3))

    assert [batch.rows.num_rows for batch in joined] == [3, 1, 1]
    assert [batch.state for batch in joined] == [{"orders": {"at": 2}}, {"orders": {"at": 3}}, {"orders": {"at": 4}}]
    assert [(batch.origin, batch.cursor_from, batch.cursor_to) for batch in joined[:2]] == [
        ("page 0 .. page 2", "0", "2"),
        ("page 3", "3", "3"),
    ]


def test_a_sync_killed_again_and_again_loses_nothing_and_doubles_nothing(house: House) -> None:
    fill(house.root / "shop.db", range(6000))
    here = str(Path(__file__).parent)
    for attempt in range(8):
        worker = subprocess.Popen([sys.executable, "-c", WORKER, here, str(house.root)], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(0.7 + 0.23 * attempt)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        if attempt % 2:
            fill(house.root / "shop.db", range(attempt * 100, attempt * 100 + 50), total=attempt)
    house.sync()

    assert house.rows() == house.source_rows()
    with house.lake.raw() as db:
        states = db.execute("SELECT count(*) FROM aurion.cursors").fetchall()
    assert states == [(1,)]


def test_a_batch_that_was_given_up_is_recorded_as_no_load(house: House) -> None:
    house.sync()
    fill(house.root / "shop.db", [400], total=-1)
    (refused,) = house.sync().batches
    house.landing.batches.save(replace(refused, status="dropped"))

    house.sync()

    with house.lake.raw() as db:
        assert db.execute("SELECT count(*) FROM aurion.loads WHERE load_id = ?", [refused.batch_id]).fetchall() == [(0,)]
    assert len(house.rows()) == 250
