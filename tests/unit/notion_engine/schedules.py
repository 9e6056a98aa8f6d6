"""Random schedules: people who write between any two calls, faults, a crash at any call; and what must hold afterwards."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notion_sync.documents.inline import bold
from notion_sync.documents.tree import Block, BulletList, Document, Heading, Item, Paragraph, Property, Quote
from notion_sync.knowledge import Knowledge
from notion_sync.sync.merge import Operation
from notion_sync.sync.store import Store
from notion_sync.testing.content import plain
from notion_sync.testing.faults import Fault
from notion_sync.testing.people import Person
from notion_sync.testing.server import TOKEN, NotionEmulator
from notion_sync.workspaces.folder import Folder
from notion_sync.workspaces.limiter import Limiter
from notion_sync.workspaces.notion import Notion
from notion_sync.workspaces.protocol import Intend, Known, Page, Workspace, Written
from notion_sync.workspaces.transport import Transport

KEY = "relatorios/2026-11-22/varejo.md"
SLOT = re.compile(r"slot-(\d+) versao-(\d+)")
PEOPLE, CRASHES, FAULTS = 0.15, 0.04, 0.05


class Crash(BaseException):
    """The process died here."""


@dataclass
class Schedule:
    """One random run on one place."""

    seed: int
    root: Path
    emulator: NotionEmulator | None = None
    is_calm: bool = False
    alive: set[str] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    slots: dict[int, int] = field(default_factory=dict)
    calls: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.words = 0
        self.person: Person | None = self.emulator.person("Ana") if self.emulator else None
        self.parent = self.emulator.root_page() if self.emulator else ""
        self.knowledge = self.opened()

    def opened(self) -> Knowledge:
        """The knowledge base, as a new process opens it."""
        clock = (lambda: self.emulator.clock.now) if self.emulator else None
        more: dict[str, Any] = {"clock": clock} if clock else {}
        return Knowledge(self.root / "notion", self.root / "knowledge" / "sync.db", self.place, **more)

    def place(self, store: Store) -> Workspace:
        """The workspace, in which things happen between calls."""
        folder = Folder(self.root / "notion")
        if self.emulator is None:
            return StormyFolder(self.root / "notion", self)
        limiter = Limiter(self.root / "budget.db", a_minute=1_000_000, sleep=lambda _: None)
        return Notion(StormyTransport(self.emulator.url, limiter, self), self.parent, store, folder)

    def call(self) -> None:
        """A call begins or has ended: somebody may write, the process may die."""
        self.calls += 1
        if self.is_calm:
            return
        if self.random.random() < PEOPLE:
            self.somebody_writes()
        if self.random.random() < CRASHES:
            raise Crash

    def somebody_writes(self) -> None:
        """A person writes, edits, deletes or moves something."""
        self.words += 1
        text = f"humano-{self.seed}-{self.words}"
        act = self.random.choice(("edit", "edit", "edit", "write", "delete", "move"))
        (self._in_notion if self.emulator else self._in_folder)(act, text)

    def _left(self, words: str) -> None:
        self.alive -= set(re.findall(r"humano-\d+-\d+", words))
        self.touched |= {int(slot) for slot, _ in SLOT.findall(words)}

    def _in_folder(self, act: str, text: str) -> None:
        file = self.root / "notion" / KEY
        if not file.exists():
            return
        parts = file.read_text("utf-8").rstrip("\n").split("\n\n")
        own = [
            index for index, part in enumerate(parts) if ("slot-" in part or "humano-" in part) and not part.startswith(("#", "---", "-"))
        ]
        if act == "write" or not own:
            parts.append(text)
            self.alive.add(text)
        else:
            index = self.random.choice(own)
            if act == "move":
                parts.append(parts.pop(index))
            else:
                self._left(parts[index])
                parts[index : index + 1] = [text] if act == "edit" else []
                self.alive |= {text} if act == "edit" else set()
        file.write_text("\n\n".join(parts) + "\n", "utf-8")

    def _in_notion(self, act: str, text: str) -> None:
        assert self.emulator is not None and self.person is not None
        with self.emulator.lock:
            store = self.emulator.store
            pages = [node for node in store.all("page") if node.parent["type"] == "data_source_id"]
            if not pages:
                return
            page = pages[0]
            own = [node for node in store.living(page) if not node.type.startswith("heading")]
            if act == "write" or not own:
                self.person.write(page.id, text)
                self.alive.add(text)
                return
            node = self.random.choice(own)
            if act == "move":
                self.person.move(node.id, page.id)
                return
            self._left(plain(node.data.get("rich_text", [])))
            if act == "edit":
                self.person.edit(node.id, text)
                self.alive.add(text)
            else:
                self.person.delete(node.id)

    def document(self) -> Document:
        """What the machine says now."""
        blocks: list[Block] = [Heading(2, "Resumo", "resumo")]
        for slot, version in sorted(self.slots.items()):
            text = f"slot-{slot} versao-{version} dita pela maquina"
            blocks += [Heading(3, f"Parte {slot}", f"d-0000000{slot}"), _SHAPES[slot % 4](text)]
        return Document("Relatório", {"tipo": "relatorio", "rodada": self.words}, tuple(blocks))

    def step(self) -> None:
        """The machine says something new, adds or drops a block, or only looks."""
        for slot in range(10):
            change = self.random.random()
            if change < 0.3:
                self.slots[slot] = self.slots.get(slot, 0) + 1
            elif change < 0.35:
                self.slots.pop(slot, None)
        self._fail()
        self._survive(lambda: self.knowledge.publish(KEY, self.document()))
        self._survive(self.knowledge.sync)

    def _fail(self) -> None:
        if self.emulator is None or self.random.random() > 0.7:
            return
        chosen = self.random.choice((
            Fault(503, method="PATCH", moment="after", skip=self.random.randrange(4)),
            Fault(504, method=self.random.choice(("POST", "PATCH", "DELETE")), moment="after", skip=self.random.randrange(3)),
            Fault(504, method="PATCH", path="children", moment="partial", kept=self.random.randrange(1, 4)),
            Fault(0, moment="after", skip=self.random.randrange(6)),
            Fault(409, method="PATCH"), Fault(429, times=2, retry_after=0), Fault(500, skip=self.random.randrange(5)),
            Fault(502, method="PATCH", is_truncated=True, moment="after"),
        ))  # fmt: skip
        self.emulator.faults.add(chosen)

    def _survive(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Crash:
            self.knowledge = self.opened()

    def run(self, steps: int = 6) -> list[str]:
        """Run it, let it calm down, and return what does not hold."""
        for _ in range(steps):
            self.step()
        self.is_calm = True
        if self.emulator:
            self.emulator.faults.clear()
        self.knowledge = self.opened()
        self.knowledge.publish(KEY, self.document())
        reports = [self.knowledge.sync() for _ in range(4)]
        shown = self.shown()
        said = [word for each in shown for word in re.findall(r"humano-\d+-\d+", each)]
        wrong = [f"lost: {text}" for text in self.alive if text not in said]
        wrong += [f"twice: {text}" for text in self.alive if said.count(text) > 1]
        slots = [(int(slot), int(version)) for each in shown for slot, version in SLOT.findall(each)]
        wrong += [f"slot {slot} is there twice" for slot in {slot for slot, _ in slots} if [each for each, _ in slots].count(slot) > 1]
        wrong += [f"slot {s}: {v} is missing" for s, v in self.slots.items() if s not in self.touched and (s, v) not in slots]
        wrong += [f"slot {s} is still there" for s, _ in slots if s not in self.slots and s not in self.touched]
        wrong += [f"not silent: {reports[-1]}"] if reports[-1].writes or reports[-1].events or reports[-1].unsettled else []
        wrong += ["the outbox is not empty"] if self.knowledge.outbox_size() else []
        return wrong

    def shown(self) -> list[str]:
        """The words of every block of the page, as a person sees them."""
        if self.emulator is None:
            return (self.root / "notion" / KEY).read_text("utf-8").split("\n")
        store = self.emulator.store
        with self.emulator.lock:
            pages = [node for node in store.all("page") if node.parent["type"] == "data_source_id"]
            assert len(pages) == 1, f"{len(pages)} pages have the key"
            return [plain(node.data.get("rich_text", [])) for node in store.living(pages[0])]


_SHAPES: Sequence[Callable[[str], Block]] = (
    Paragraph,
    lambda text: Paragraph((bold("Nota: "), text)),
    Quote,
    lambda text: BulletList((Item(text),)),
)


class StormyFolder(Folder):
    """A folder in which people write between any two accesses."""

    def __init__(self, root: Path, schedule: Schedule) -> None:
        super().__init__(root)
        self._schedule = schedule

    def read(self, ref: str, bases: Sequence[Sequence[Known]]) -> Page:
        self._schedule.call()
        return super().read(ref, bases)

    def apply(
        self, page: Page, operations: Sequence[Operation], values: Mapping[str, Property], pictures: Mapping[str, bytes], intend: Intend
    ) -> Written:
        self._schedule.call()

        def intended(kind: str, body: Mapping[str, Any]) -> None:
            self._schedule.call()
            intend(kind, body)
            self._schedule.call()

        done = super().apply(page, operations, values, pictures, intended)
        self._schedule.call()
        return done


class StormyTransport(Transport):
    """Requests between which people write; the process may die before and after each."""

    def __init__(self, url: str, limiter: Limiter, schedule: Schedule) -> None:
        super().__init__(TOKEN, url, limiter, pause_s=0.0)
        self._schedule = schedule

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, query: dict[str, Any] | None = None) -> dict[str, Any]:
        self._schedule.call()
        answer = super().ask(method, path, body, query)
        self._schedule.call()
        return answer
