"""A share of the random schedules: people's words are neither lost nor doubled. Wider ranges of seeds run the same way.

That every schedule also converges is not asserted: after a crash between a file's write and its record, a person's edits at that moment
may make the engine take a block that it had deleted for a person's, so that it stays (docs/notion.md).
"""

from pathlib import Path

import pytest
from schedules import Schedule

from notion_sync.testing.server import NotionEmulator


def unsafe(found: list[str]) -> list[str]:
    return [each for each in found if each.startswith(("lost", "twice"))]


@pytest.mark.parametrize("seed", range(8))
def test_no_words_are_lost_in_a_folder(seed: int, tmp_path: Path) -> None:
    assert unsafe(Schedule(seed, tmp_path).run()) == []


@pytest.mark.parametrize("seed", range(2))
def test_no_words_are_lost_in_notion(seed: int, tmp_path: Path) -> None:
    with NotionEmulator() as emulator:
        assert unsafe(Schedule(seed, tmp_path, emulator).run(steps=3)) == []
