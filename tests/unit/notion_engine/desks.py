"""A knowledge base on either workspace, and a person at it: what tests of both say in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from notion_sync.approval_pages import STATUS
from notion_sync.documents.tree import Block, Document, Heading, Paragraph
from notion_sync.knowledge import Knowledge
from notion_sync.sync.store import Store
from notion_sync.testing.content import plain
from notion_sync.testing.people import Person
from notion_sync.testing.server import TOKEN, NotionEmulator
from notion_sync.testing.store import Node
from notion_sync.workspaces.folder import Folder
from notion_sync.workspaces.limiter import Limiter
from notion_sync.workspaces.notion import Notion
from notion_sync.workspaces.protocol import Workspace
from notion_sync.workspaces.transport import Transport

KEY = "relatorios/2026-11-22/varejo.md"


def page(*texts: str | Block, title: str = "Relatório") -> Document:
    """A page of paragraphs below one heading."""
    blocks = [Paragraph(each) if isinstance(each, str) else each for each in texts]
    return Document(title, {"tipo": "relatorio", STATUS: "Proposta"}, (Heading(2, "Resumo", "resumo"), *blocks))


class Desk(Protocol):
    """A home and somebody who works on its pages; blocks are named by words in them."""

    knowledge: Knowledge

    def reopen(self, **more: Any) -> Knowledge: ...
    def shown(self, key: str = KEY) -> list[str]: ...
    def edit(self, words: str, text: str) -> None: ...
    def write(self, text: str) -> None: ...
    def delete(self, words: str) -> None: ...
    def move_first(self, words: str) -> None: ...
    def comment(self, text: str) -> None: ...
    def answer(self, status: str) -> None: ...
    def trash(self) -> None: ...
    def take_back(self) -> None: ...


class FolderDesk:
    """Files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "notion" / KEY
        self.place: Callable[[Store], Workspace] | None = None
        self.knowledge = self.reopen()

    def reopen(self, **more: Any) -> Knowledge:
        self.knowledge = Knowledge(self.root / "notion", self.root / "knowledge" / "sync.db", self.place, **more)
        return self.knowledge

    def shown(self, key: str = KEY) -> list[str]:
        body = (self.root / "notion" / key).read_text("utf-8").partition("# ")[2]
        return [part.strip() for part in body.split("\n\n")[1:] if part.strip()]

    def _parts(self) -> list[str]:
        return self.file.read_text("utf-8").rstrip("\n").split("\n\n")

    def _save(self, parts: list[str]) -> None:
        self.file.write_text("\n\n".join(parts) + "\n", "utf-8")

    def edit(self, words: str, text: str) -> None:
        self._save([text if words in part else part for part in self._parts()])

    def write(self, text: str) -> None:
        self._save([*self._parts(), text])

    def delete(self, words: str) -> None:
        self._save([part for part in self._parts() if words not in part])

    def move_first(self, words: str) -> None:
        parts = self._parts()
        moved = next(part for part in parts if words in part)
        parts.remove(moved)
        self._save([*parts[:2], moved, *parts[2:]])

    def comment(self, text: str) -> None:
        with self.file.with_suffix(".comentarios.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(f"Ana Souza: {text}\n")

    def answer(self, status: str) -> None:
        self.file.write_text(self.file.read_text("utf-8").replace(f"{STATUS}: Proposta", f"{STATUS}: {status}"), "utf-8")

    def trash(self) -> None:
        (self.root / "notion" / "outra.md").write_text("# Outra\n", "utf-8")
        self.bin = self.root / "lixo.md"
        self.file.rename(self.bin)

    def take_back(self) -> None:
        self.bin.rename(self.file)


class NotionDesk:
    """The emulated Notion."""

    def __init__(self, root: Path, emulator: NotionEmulator) -> None:
        self.root, self.emulator = root, emulator
        self.person: Person = emulator.person("Ana Souza")
        self.parent = emulator.root_page()
        self.slept: list[float] = []
        self.now = 1_000_000.0
        self.skew: Callable[[], Any] = lambda: emulator.clock.now
        self.knowledge = self.reopen()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def _place(self, store: Store) -> Workspace:
        limiter = Limiter(self.root / "budget.db", a_minute=1_000_000, clock=lambda: self.now, sleep=self._sleep)
        self.transport = Transport(TOKEN, self.emulator.url, limiter, pause_s=0.0)
        return Notion(self.transport, self.parent, store, Folder(self.root / "notion"))

    def close(self) -> None:
        self.transport.close()

    def reopen(self, **more: Any) -> Knowledge:
        if hasattr(self, "transport"):
            self.close()
        self.knowledge = Knowledge(self.root / "notion", self.root / "knowledge" / "sync.db", self._place, clock=self.skew, **more)
        return self.knowledge

    def rows(self) -> list[Node]:
        return [node for node in self.emulator.store.all("page") if node.parent["type"] == "data_source_id"]

    def page(self, key: str = KEY) -> Node:
        row = self.knowledge.store.page(key)
        assert row is not None and row.ref is not None
        return self.emulator.store.nodes[row.ref]

    def source(self) -> str:
        return str(self.emulator.store.all("data_source")[0].id)

    def blocks(self, key: str = KEY) -> list[Node]:
        return self.emulator.store.living(self.page(key))

    def block(self, words: str) -> str:
        return next(node.id for node in self.blocks() if words in plain(node.data.get("rich_text", [])))

    def shown(self, key: str = KEY) -> list[str]:
        return [plain(node.data.get("rich_text", [])) for node in self.blocks(key)]

    def edit(self, words: str, text: str) -> None:
        self.person.edit(self.block(words), text)

    def write(self, text: str) -> None:
        self.person.write(self.page().id, text)

    def delete(self, words: str) -> None:
        self.person.delete(self.block(words))

    def move_first(self, words: str) -> None:
        self.person.move(self.block(words), self.page().id)

    def comment(self, text: str) -> None:
        self.person.comment(self.page().id, text)

    def answer(self, status: str) -> None:
        self.person.set(self.page().id, **{STATUS: {"select": {"name": status}}})

    def trash(self) -> None:
        self.person.delete(self.page().id)

    def take_back(self) -> None:
        self.person.restore(self.page().id)

    def passes(self, minutes: float = 5) -> None:
        self.emulator.clock.advance(seconds=60 * minutes)


def kinds(desk: NotionDesk) -> list[str]:
    return [event.kind for event in desk.knowledge.events()]


def is_silent(desk: NotionDesk) -> bool:
    """No write, one query, nothing told: also by what the server saw."""
    desk.emulator.faults.clear()
    for _ in range(3):
        desk.passes()
        desk.knowledge.sync()
    mark = len(desk.emulator.calls)
    report = desk.knowledge.sync()
    calls = [call for call in desk.emulator.calls[mark:] if "/comments" not in call.path]
    return not (report.writes or report.events or report.unsettled) and len(calls) == 1 and not desk.knowledge.outbox_size()
