"""A workspace for the contract suite: the emulator always, the live API when a token is set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from notion_client import Client
from schema_gate import FOLDER, schemas

from notion_sync.testing.recorder import Recorder
from notion_sync.testing.routes import find_route
from notion_sync.testing.server import TOKEN, NotionEmulator

VERSION = "2026-03-11"


@dataclass
class Workspace:
    """A client and a page of the test's own."""

    client: Any
    page: str
    is_live: bool
    recorder: Recorder

    def new_page(self, title: str = "t", **more: Any) -> Any:
        parent = {"page_id": self.page}
        return self.client.pages.create(parent=parent, properties={"title": [{"text": {"content": title}}]}, **more)

    def new_database(self, **properties: Any) -> tuple[str, str]:
        """Create a database; return its id and its data source's."""
        initial = {"properties": {"Name": {"title": {}}, **properties}}
        made = self.client.databases.create(
            parent={"page_id": self.page}, title=[{"text": {"content": "Base"}}], initial_data_source=initial
        )
        return made["id"], made["data_sources"][0]["id"]

    def new_row(self, source: str, name: str, **properties: Any) -> Any:
        values = {"Name": {"title": [{"text": {"content": name}}]}, **properties}
        return self.client.pages.create(parent={"data_source_id": source}, properties=values)


def client_of(url: str, token: str, recorder: Recorder | None = None) -> Any:
    """The unmodified client, without its retries: a test sees each answer."""
    return Client(
        client=httpx.Client(transport=recorder or httpx.HTTPTransport(), trust_env=False),
        auth=token,
        base_url=url,
        notion_version=VERSION,
        retry=False,
    )


@pytest.fixture
def emulator() -> Iterator[NotionEmulator]:
    with NotionEmulator() as running:
        yield running


@pytest.fixture
def client(emulator: NotionEmulator) -> Any:
    return client_of(emulator.url, TOKEN)


@pytest.fixture(params=["emulator", "live"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """The same suite on both; what a live server says is recorded, what the emulator says must pass the official schemas."""
    recorder = Recorder()
    if request.param == "emulator":
        with NotionEmulator() as running:
            yield Workspace(client_of(running.url, TOKEN, recorder), running.root_page(), False, recorder)
        _check_schemas(recorder)
        return
    token, parent = os.environ.get("NOTION_TOKEN"), os.environ.get("NOTION_TEST_PAGE")
    if not token or not parent:
        pytest.skip("the live API needs NOTION_TOKEN and NOTION_TEST_PAGE (a page shared with the integration)")
    live = client_of("https://api.notion.com", token, recorder)
    page = live.pages.create(parent={"page_id": parent}, properties={"title": [{"text": {"content": request.node.name}}]})["id"]
    try:
        yield Workspace(live, page, True, recorder)
    finally:
        live.pages.update(page, in_trash=True)
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
