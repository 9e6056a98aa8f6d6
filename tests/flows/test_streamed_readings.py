"""What the resident ingester wrote is loaded by its own job, of no business day, and is in windows when the job has ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from homes import Home

from eco_assets.aurion.stream.events import EVENTS
from eco_assets.definitions import build_defs
from eco_assets.defs.inprocess import instance
from resources.platform import PlatformResource


def readings(count: int) -> pa.Table:
    """One machine, one sensor, a reading a second."""
    start = datetime(2026, 10, 31, 9)  # noqa: DTZ001 -- UTC without a mark, as in the lake
    at = pa.array([start + timedelta(seconds=number) for number in range(count)], pa.timestamp("us"))
    same = {"machine_id": "press", "tag": "heat", "text": None, "unit": "C", "quality": "good", "source": "mqtt", "connection": "plant"}
    columns = {name: pa.array([value] * count, pa.string()) for name, value in (same | {"topic": "a/b"}).items()}
    flags = {name: pa.array([False] * count) for name in ("is_backfilled", "is_retained", "is_ahead_of_clock")}
    values = {"event_id": [f"e{number}" for number in range(count)], "measured_at": at, "value": [float(number) for number in range(count)]}
    return pa.table({**values, **columns, **flags, "received_at": at})


def test_a_load_updates_the_windows(copied_home: Callable[[], Home]) -> None:
    home = copied_home()
    inbox = home.path / "inbox" / EVENTS
    inbox.mkdir(parents=True, exist_ok=True)
    pq.write_table(readings(90), inbox / "plant-20261031T120000000001Z-000001.parquet")
    definitions = build_defs({"platform": PlatformResource.of(home.platform)})
    with instance(home.path / "dagster") as opened:
        assert definitions.resolve_job_def("arrivals_industrial").execute_in_process(instance=opened).success
    found = home.platform.lake.frame("SELECT readings, value_last FROM features.feat_industrial__reading_windows ORDER BY window_start")
    assert found.to_numpy().tolist() == [[30, 29.0], [30, 59.0], [30, 89.0]]
