"""Windows of streamed readings: micro-batches of any size and order give the rows that one batch gives."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eco_assets.aurion.landing import Landing
from eco_assets.aurion.load import load
from eco_assets.aurion.stream.events import EVENTS
from eco_assets.contracts.contract import load_contracts
from eco_assets.lake import Lake
from resources.dbt import run_dbt

CONTRACT = next(contract for contract in load_contracts() if contract.table == "industrial.machine_events")
MODELS = ["stg_industrial__machine_readings", "feat_industrial__reading_windows"]
DAY = {"as_of": "2026-01-01", "anchor": "2026-01-01"}
ROWS = f"SELECT * EXCLUDE (loaded_through) FROM features.{MODELS[1]} ORDER BY ALL"


class Plant:
    """A lake that readings are loaded into, and its windows."""

    def __init__(self, root: Path) -> None:
        self.root, self.lake = root, Lake(root / "lake", wait_s=30)
        self.landing = Landing(self.lake, root, root / "inbox")
        self.files = 0

    def load(self, readings: pa.Table) -> None:
        folder = self.root / "inbox" / EVENTS
        folder.mkdir(parents=True, exist_ok=True)
        self.files += 1
        pq.write_table(readings, folder / f"plant-20260101T0000{self.files:02}-{self.files:06}.parquet")
        landed = self.landing.land(CONTRACT)
        load(self.lake, self.landing, [landed])
        assert landed.is_accepted, landed.reasons

    def build(self, *more: str) -> None:
        arguments = ["--quiet", "build", "--exclude-resource-type", "unit_test", "--select", " ".join(MODELS)]
        _, failed = run_dbt([*arguments, "--vars", json.dumps(DAY), *more], self.lake, self.root / "dbt")
        assert not failed

    def windows(self) -> list[tuple[object, ...]]:
        with self.lake.connect() as db:
            return db.execute(ROWS).fetchall()


def readings(count: int) -> pa.Table:
    """An hour of three sensors; every 50th reading is bad, retained or ahead of the clock."""
    random = np.random.default_rng(7)
    start = datetime(2026, 1, 1)  # noqa: DTZ001 -- UTC without a mark, as in the lake
    seconds = np.sort(random.uniform(0, 3600, count))
    with duckdb.connect() as db:
        base = pa.table(
            {
                "event_id": [f"e{number:05}" for number in range(count)],
                "machine_id": [f"press_{number % 2}" for number in range(count)],
                "tag": [("torque", "speed", "heat")[number % 3] for number in range(count)],
                "measured_at": pa.array([start + timedelta(seconds=float(second)) for second in seconds], pa.timestamp("us")),
                "value": random.normal(50, 5, count),
                "number": list(range(count)),
            }
        )
        db.register("base", base)
        return db.execute(
            """SELECT event_id, machine_id, tag, measured_at, CASE WHEN number % 50 <> 1 THEN value END AS value,
                 CASE WHEN number % 50 = 1 THEN 'x' END AS text, 'C' AS unit,
                 CASE WHEN number % 50 = 2 THEN 'bad' ELSE 'good' END AS quality,
                 'mqtt' AS source, 'plant' AS connection, 'a/b' AS topic, false AS is_backfilled, number % 50 = 3 AS is_retained,
                 number % 50 = 4 AS is_ahead_of_clock, measured_at AS received_at FROM base"""
        ).to_arrow_table()


@pytest.fixture(scope="module")
def hour() -> pa.Table:
    return readings(1200)


@pytest.fixture(scope="module")
def batch(hour: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    plant = Plant(tmp_path_factory.mktemp("batch"))
    plant.load(hour)
    plant.build()
    return plant


def test_micro_batches_in_any_order_with_repeats_give_the_rows_of_one_batch(hour: pa.Table, batch: Plant, tmp_path: Path) -> None:
    plant, random = Plant(tmp_path), np.random.default_rng(3)
    order = random.permutation(len(hour))  # late readings of all ages
    for part in np.array_split(order, 4):
        again = random.choice(order, 30)  # a redelivery
        plant.load(hour.take(pa.array(np.unique(np.concatenate([part, again])))))
        plant.build()
    found, wanted = plant.windows(), batch.windows()
    assert len(found) == len(wanted) > 300
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours[:4] == theirs[:4]
        assert ours[4:9] == pytest.approx(theirs[4:9], rel=1e-12, abs=1e-12)  # sums in another order
        assert ours[9] == theirs[9]


def test_a_full_rebuild_changes_nothing(batch: Plant) -> None:
    before = batch.windows()
    batch.build("--full-refresh")
    assert batch.windows() == before


def test_only_readings_that_can_be_counted_count(batch: Plant) -> None:
    assert sum(int(str(row[3])) for row in batch.windows()) == 1200 - 4 * 1200 // 50
