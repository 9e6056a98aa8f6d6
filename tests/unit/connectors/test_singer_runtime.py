"""The Singer runtime keeps the promises of the protocol: a tap from the package index, in its own environment, on the suite's shop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import Credentials, HttpSource, Incremental, Storms, Subject
from foreign_shops import SingerShop


class TestSingerShop(Incremental, Credentials, Storms):
    @pytest.fixture
    def subject(self, runtimes: Path) -> Iterator[Subject]:
        with HttpSource() as source:
            yield SingerShop(source, runtimes)
