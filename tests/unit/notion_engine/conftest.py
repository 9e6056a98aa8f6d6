"""Both workspaces, for tests that say what holds on either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desks import Desk, FolderDesk, NotionDesk

from notion_sync.testing.server import NotionEmulator


@pytest.fixture(params=["folder", "notion"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A knowledge base in a folder, and one in Notion."""
    if request.param == "folder":
        yield FolderDesk(tmp_path)
        return
    yield from _in_notion(tmp_path)


@pytest.fixture
def notion(tmp_path: Path) -> Iterator[NotionDesk]:
    """What only Notion has."""
    yield from _in_notion(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> FolderDesk:
    """What only files have."""
    return FolderDesk(tmp_path)


def _in_notion(root: Path) -> Iterator[NotionDesk]:
    with NotionEmulator() as emulator:
        made = NotionDesk(root, emulator)
        yield made
        made.close()
