"""A workspace of a test's own: the unmodified client, and a page to write below."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from notion_client import Client

from notion_sync.testing.recorder import Recorder

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


@contextmanager
def client_of(url: str, token: str, recorder: Recorder | None = None) -> Iterator[Any]:
    """The unmodified client, without its retries: a test sees each answer."""
    with httpx.Client(transport=recorder or httpx.HTTPTransport(), trust_env=False) as http:
        yield Client(client=http, auth=token, base_url=url, notion_version=VERSION, retry=False)
