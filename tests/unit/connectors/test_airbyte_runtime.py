"""The Airbyte runtime keeps the promises of the protocol: a manifest of our own, run by the shared environment, on the suite's shop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import Credentials, EndlessStorm, HttpSource, Incremental, Storms, Subject, Unreachable
from foreign_shops import AirbyteShop


class TestAirbyteShop(Incremental, Credentials, Unreachable, Storms, EndlessStorm):
    @pytest.fixture
    def subject(self, runtimes: Path) -> Iterator[Subject]:
        with HttpSource() as source:
            yield AirbyteShop(source, runtimes)
