"""Fixtures of the door tests: a mail server, a receiver of webhooks, a broker, Notion's emulator, and a world with doors to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from door_house import Broker, DoorHouse, Mailbox, Receiver

from eco_assets.aurion.stream.demo import find_mosquitto
from notion_sync.testing.server import NotionEmulator


@pytest.fixture
def house(tmp_path: Path) -> DoorHouse:
    return DoorHouse(tmp_path)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    pytest.importorskip("aiosmtpd")
    with Mailbox() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    program = find_mosquitto()
    if program is None:
        pytest.skip("there is no mosquitto on this machine: apt-get install mosquitto")
    running = Broker(program, tmp_path / "broker")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def notion() -> Iterator[NotionEmulator]:
    with NotionEmulator() as running:
        yield running
