"""The emulated Notion in a process of its own, so that what is measured beside it is the platform's alone."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from notion_sync.testing.server import Call, NotionEmulator


class Emulator:
    """What a benchmark asks of the other process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.url, self.root = pipe.recv()

    def _asked(self, *words: Any) -> Any:
        self._pipe.send(words)
        return self._pipe.recv()

    def at(self, now: datetime) -> None:
        """Set the workspace's time."""
        self._asked("at", now)

    def edit(self, pages: Sequence[str], text: str) -> None:
        """Somebody rewrites the first paragraph of each page."""
        self._asked("edit", list(pages), text)

    def calls(self) -> Counter[str]:
        """Requests so far: queries, other reads, writes."""
        return Counter(self._asked("calls"))


@contextmanager
def emulator() -> Iterator[Emulator]:
    """A new workspace, until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_served, args=(theirs,), daemon=True)
    child.start()
    try:
        yield Emulator(ours)
        ours.send(("end",))
        child.join(30)
    finally:
        if child.is_alive():
            child.terminate()


def _served(pipe: Connection) -> None:
    with NotionEmulator() as served:
        person = served.person("Ana Souza")
        pipe.send((served.url, served.root_page()))
        counted: Counter[str] = Counter()
        while True:
            word, *rest = pipe.recv()
            if word == "end":
                return
            if word == "at":
                served.clock.now = rest[0]
            elif word == "edit":
                for page in rest[0]:
                    children = (served.store.nodes[child] for child in served.store.nodes[page].children)
                    person.edit(next(child.id for child in children if child.type == "paragraph" and not child.in_trash), rest[1])
            else:
                counted.update(_kind(call) for call in served.calls)
                served.calls.clear()
            pipe.send(dict(counted))


def _kind(call: Call) -> str:
    if call.path.endswith("/query"):
        return "query"
    return "read" if call.method == "GET" else "write"
