"""Fixtures of the stream tests: a real broker and an ingester's house. A test that needs a broker skips where there is no mosquitto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stream_house import Broker, House

from eco_assets.aurion.stream.demo import find_mosquitto


@pytest.fixture
def mosquitto() -> str:
    program = find_mosquitto()
    if program is None:
        pytest.skip("there is no mosquitto on this machine: apt-get install mosquitto")
    return program


@pytest.fixture
def make_broker(mosquitto: str, tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    made: list[Broker] = []

    def make(extra: str = "", **options: Any) -> Broker:
        made.append(Broker(mosquitto, tmp_path / f"broker{len(made)}", extra, **options))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def broker(make_broker: Callable[..., Broker]) -> Broker:
    return make_broker().start()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[House]:
    """A house on another machine."""
    opened = House(tmp_path / "elsewhere")
    yield opened
    opened.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.close()
