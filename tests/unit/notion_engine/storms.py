"""Places where something happens between any two accesses: people write, and the process dies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from notion_client import Client

from notion_sync.documents.tree import Document, Property
from notion_sync.sync.merge import Operation, Suggest
from notion_sync.sync.store import Store
from notion_sync.testing.server import TOKEN
from notion_sync.workspaces.drafts import DRAFTS, Drafts
from notion_sync.workspaces.folder import Folder
from notion_sync.workspaces.limiter import Limiter
from notion_sync.workspaces.protocol import Comment, Intend, Known, Page, Written
from notion_sync.workspaces.transport import VERSION, Transport

Call = Callable[[], None]
_WRITES_OF_THE_STORE = ("save", "intend", "commit", "told", "keep")


class Crash(BaseException):
    """The process died here."""


def make_stormy(store: Store, call: Call) -> None:
    """Let something happen before and after each transaction."""

    def around(act: Callable[..., Any]) -> Callable[..., Any]:
        def stormy(*given: Any, **named: Any) -> Any:
            call()
            found = act(*given, **named)
            call()
            return found

        return stormy

    for name in _WRITES_OF_THE_STORE:
        setattr(store, name, around(getattr(store, name)))


class StormyFolder(Folder):
    """A folder in which people write between any two accesses, down to the single renames of a file."""

    def __init__(self, root: Path, call: Call) -> None:
        super().__init__(root)
        self._call = call
        self.drafts = StormyDrafts(root / DRAFTS, call)

    def stamp(self, ref: str) -> str:
        self._call()
        return super().stamp(ref)

    def read(self, ref: str, bases: Sequence[Sequence[Known]]) -> Page:
        self._call()
        page = super().read(ref, bases)
        self._call()
        return page

    def apply(
        self, page: Page, operations: Sequence[Operation], values: Mapping[str, Property], pictures: Mapping[str, bytes], intend: Intend
    ) -> Written:
        self._call()
        done = super().apply(page, operations, values, pictures, intend)
        self._call()
        return done

    def settle(self, bodies: Sequence[Mapping[str, Any]]) -> Collection[int]:
        found = super().settle(bodies)
        self._call()
        return found

    def accepted(self, key: str, ref: str, document: Document, pictures: Mapping[str, bytes]) -> None:
        super().accepted(key, ref, document, pictures)
        self._call()

    def comments(self, ref: str, only: Sequence[str] | None = None) -> Sequence[Comment]:
        self._call()
        return super().comments(ref, only)

    def _suggest(self, ref: str, suggestions: Sequence[Suggest]) -> None:
        for each in suggestions:
            super()._suggest(ref, [each])
            self._call()


class StormyDrafts(Drafts):
    """People save, and the process dies, around the single renames."""

    def __init__(self, folder: Path, call: Call) -> None:
        super().__init__(folder)
        self._call = call

    def made(self, key: str, content: bytes) -> Path:
        draft = super().made(key, content)
        self._call()
        return draft

    def _exchange(self, draft: Path, file: Path) -> None:
        self._call()
        super()._exchange(draft, file)
        self._call()

    def _place(self, draft: Path, file: Path) -> None:
        self._call()
        super()._place(draft, file)
        self._call()


class Unlimited(Limiter):
    """No budget: the shared file has tests of its own."""

    def take(self) -> None:
        """At once."""

    def pause(self, seconds: float) -> None:
        """Not here."""


class StormyTransport(Transport):
    """Requests between which people write; the process may die before and after each."""

    def __init__(self, url: str, budget: Path, call: Call, http: httpx.Client) -> None:
        super().__init__(TOKEN, url, Unlimited(budget), pause_s=0.0)
        self._call, self._http = call, http

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, query: dict[str, Any] | None = None) -> dict[str, Any]:
        self._call()
        answer = super().ask(method, path, body, query)
        self._call()
        return answer

    @cached_property
    def _client(self) -> Any:
        """The unmodified client over one connection for all processes of a schedule: a new one costs a quarter of a second of TLS."""
        self._http.event_hooks = {"response": [self.hear]}
        return Client(auth=TOKEN, base_url=self._url, notion_version=VERSION, retry=False, log_level=logging.CRITICAL, client=self._http)
