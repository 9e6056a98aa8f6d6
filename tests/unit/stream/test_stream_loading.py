"""Spool files through the lake: a reading that came twice is one row, and files go when the lake has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eco_assets.aurion.landing import Landing
from eco_assets.aurion.load import load
from eco_assets.aurion.stream.events import Event, now_us
from eco_assets.aurion.stream.inbox import remove_loaded
from eco_assets.aurion.stream.spool import Pending, Spool
from eco_assets.contracts.contract import SOURCES, Contract, read_contract
from eco_assets.lake import Lake


@pytest.fixture(scope="module")
def contract() -> Contract:
    return read_contract(SOURCES / "industrial" / "machine_events.odcs.yaml")


def event(number: int) -> Event:
    at = 1_700_000_000_000_000 + number
    text = None if number % 5 else "ligada"
    value = float(number) / 3 if number % 5 else None
    return Event(f"{number:032x}", "m", "t", at, value, text, "bar", "good", "mqtt", "line", "a/b", number % 2 == 0, False, False, now_us())


def test_readings_are_loaded_as_they_were_written_and_those_that_came_twice_once(tmp_path: Path, contract: Contract) -> None:
    lake, inbox = Lake(tmp_path / "lake"), tmp_path / "inbox"
    spool = Spool(inbox, tmp_path / "ingester", "line")
    landing = Landing(lake, tmp_path, inbox)
    written = [event(number) for number in range(30)]
    with spool.held():
        spool.commit(Pending(written[:20]))
        load(lake, landing, [landing.land(contract)])
        assert remove_loaded(inbox, landing.batches) == 1

        spool.commit(Pending(written[10:]))  # ten of them were redelivered after their file was loaded
    landed = landing.land(contract)
    assert landed.is_accepted and not landed.reasons
    load(lake, landing, [landed])
    assert remove_loaded(inbox, landing.batches) == 1
    assert not list(inbox.rglob("*.parquet"))
    with lake.raw() as db:
        found = db.execute(
            "SELECT event_id, value, text, epoch_us(measured_at), is_backfilled FROM industrial.machine_events ORDER BY 1"
        ).fetchall()
    assert found == [(one.event_id, one.value, one.text, one.measured_at, one.is_backfilled) for one in written]


def test_an_inbox_without_a_file_is_accepted(tmp_path: Path, contract: Contract) -> None:
    lake = Lake(tmp_path / "lake")
    landing = Landing(lake, tmp_path, tmp_path / "inbox")
    landed = landing.land(contract)
    assert landed.is_accepted
    load(lake, landing, [landed])
