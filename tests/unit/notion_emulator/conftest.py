"""A workspace for the contract suite: the emulator always, the live API when a token is set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from notion_workspaces import Workspace, client_of
from schema_gate import FOLDER, schemas

from notion_sync.testing.recorder import Recorder
from notion_sync.testing.routes import find_route
from notion_sync.testing.server import TOKEN, NotionEmulator


@pytest.fixture
def emulator() -> Iterator[NotionEmulator]:
    with NotionEmulator() as running:
        yield running


@pytest.fixture
def client(emulator: NotionEmulator) -> Iterator[Any]:
    with client_of(emulator.url, TOKEN) as connected:
        yield connected


@pytest.fixture(params=["emulator", "live"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """The same suite on both; what a live server says is recorded, what the emulator says must pass the official schemas."""
    recorder = Recorder()
    if request.param == "emulator":
        with NotionEmulator() as running, client_of(running.url, TOKEN, recorder) as connected:
            yield Workspace(connected, running.root_page(), False, recorder)
        _check_schemas(recorder)
        return
    token, parent = os.environ.get("NOTION_TOKEN"), os.environ.get("NOTION_TEST_PAGE")
    if not token or not parent:
        pytest.skip("the live API needs NOTION_TOKEN and NOTION_TEST_PAGE (a page shared with the integration)")
    with client_of("https://api.notion.com", token, recorder) as connected:
        page = connected.pages.create(parent={"page_id": parent}, properties={"title": [{"text": {"content": request.node.name}}]})["id"]
        try:
            yield Workspace(connected, page, True, recorder)
        finally:
            connected.pages.update(page, in_trash=True)
            recorder.save(Path(os.environ.get("NOTION_RECORDINGS", tmp_path)) / f"{request.node.originalname}.yaml")


def _check_schemas(recorder: Recorder) -> None:
    if not FOLDER.exists():
        return  # test_emulator_gates skips with the reason
    pytest.importorskip("jsonschema_rs")
    found: list[str] = []
    for entry in recorder.interactions:
        asked, answered = entry["request"], entry["response"]
        route = find_route(asked["method"], httpx.URL(asked["uri"]).path)
        if route is not None:
            found += schemas().errors(route[0].name, answered["status_code"], httpx.Response(200, content=answered["content"]).json())
    assert found == []
