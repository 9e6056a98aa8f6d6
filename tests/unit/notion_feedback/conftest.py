"""The desk in the emulated Notion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from notion_desk import Desk

from notion_sync.testing.server import NotionEmulator
from notion_sync.testing.wire import MinuteClock
from notion_sync.workspaces.limiter import Limiter


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(Limiter, "take", lambda self: None)  # the budget of a minute has tests of its own
    with NotionEmulator(MinuteClock(datetime.now(UTC))) as emulator:  # the store compares its time with Notion's
        desk = Desk(tmp_path, emulator)
        yield desk
        desk.close()
