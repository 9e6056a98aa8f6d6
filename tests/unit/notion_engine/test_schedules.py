"""Random schedules: nothing is lost, nothing doubled, the page converges and falls silent.

`ECO_SCHEDULES` says how many run, seven of ten on folders and the others in Notion; a thousand take about half an hour.
"""

import os
from pathlib import Path

import pytest
from schedules import Schedule

from notion_sync.testing.server import NotionEmulator

COUNT = int(os.environ.get("ECO_SCHEDULES", "30"))
FOLDERS = COUNT * 7 // 10


@pytest.mark.parametrize("seed", range(FOLDERS))
def test_a_folder_converges(seed: int, tmp_path: Path) -> None:
    assert Schedule(seed, tmp_path).run() == []


@pytest.mark.parametrize("seed", range(COUNT - FOLDERS))
def test_notion_converges(seed: int, tmp_path: Path) -> None:
    with NotionEmulator() as emulator:
        assert Schedule(seed, tmp_path, emulator).run() == []
