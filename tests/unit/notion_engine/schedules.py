"""Random schedules: people who write between any two calls, faults, a crash at any call; and what must hold afterwards.

A schedule's steps let the machine say something new. Between any two accesses (of a file, of the store, requests) a person may edit, write,
delete, move, rename a heading, fill in or meddle with a property, comment, or take the access away for a while; the process may die; time
passes. Afterwards all calms down, and `run` says what does not hold.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from people_at_work import ACTS, HUMAN, SLOT, Book, InFiles, InNotion, suggestions_in
from storms import Crash, StormyFolder, StormyTransport, make_stormy

from notion_sync.approval_pages import PROPOSED, STATUS
from notion_sync.documents.inline import bold
from notion_sync.documents.tree import Block, BulletList, Document, Heading, Item, Paragraph, Quote
from notion_sync.knowledge import Knowledge
from notion_sync.sync.store import Store
from notion_sync.testing.content import plain
from notion_sync.testing.faults import Fault
from notion_sync.testing.server import NotionEmulator
from notion_sync.workspaces.folder import Folder
from notion_sync.workspaces.notion import Notion
from notion_sync.workspaces.protocol import Workspace

KEY = "relatorios/2026-11-22/varejo.md"
TITLE = "Relatório"
PEOPLE, CRASHES, FULL_DISKS = 0.12, 0.03, 0.01
CALM_SYNCS = 8


@dataclass
class Schedule:
    """One random run on one place."""

    seed: int
    root: Path
    emulator: NotionEmulator | None = None
    is_calm: bool = False
    slots: dict[int, int] = field(default_factory=dict)
    book: Book = field(default_factory=Book)
    calls: int = 0
    words: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.file = self.root / "notion" / KEY
        if self.emulator:
            self.people: InFiles | InNotion = InNotion(self.emulator, self.book, self.random)
            self.parent = self.emulator.root_page()
            self._http = httpx.Client(trust_env=False, verify=False)  # noqa: S501 - loopback, no TLS at all
        else:
            self.people = InFiles(self.file, self.book, self.random)
        self.knowledge = self.opened()

    def opened(self) -> Knowledge:
        """The knowledge base, as a new process opens it."""
        emulator = self.emulator
        more: dict[str, Any] = {"clock": lambda: emulator.clock.now} if emulator else {}
        return Knowledge(self.root / "notion", self.root / "knowledge" / "sync.db", self.place, **more)

    def place(self, store: Store) -> Workspace:
        """The workspace, in which things happen between calls."""
        make_stormy(store, self.call)
        if self.emulator is None:
            return StormyFolder(self.root / "notion", self.call)
        transport = StormyTransport(self.emulator.url, self.root / "budget.db", self.call, self._http)
        return Notion(transport, self.parent, store, Folder(self.root / "notion"))

    def call(self) -> None:
        """A call begins or has ended: somebody may write, the process may die, a disk may be full."""
        self.calls += 1
        if self.is_calm:
            return
        if self.emulator and self.random.random() < 0.1:
            self.emulator.clock.advance(seconds=self.random.choice((5, 20, 40, 70, 150)))
        if self.random.random() < PEOPLE:
            self.words += 1
            self.people.act(self.random.choice(ACTS), f"humano-{self.seed}-{self.words}")
        if self.random.random() < CRASHES:
            raise Crash
        if self.emulator is None and self.random.random() < FULL_DISKS:
            raise OSError(28, "no space left on device")

    def document(self) -> Document:
        """What the machine says now."""
        blocks: list[Block] = [Heading(2, "Resumo", "resumo")]
        for slot, version in sorted(self.slots.items()):
            text = f"slot-{slot} versao-{version} dita pela maquina"
            blocks += [Heading(3, f"Parte {slot}", f"d-0000000{slot}"), _SHAPES[slot % 4](text)]
        return Document(TITLE, {"tipo": "relatorio", "rodada": sum(self.slots.values()), STATUS: PROPOSED}, tuple(blocks))

    def step(self) -> None:
        """The machine says something new, adds or drops a block, or only looks."""
        for slot in range(10):
            change = self.random.random()
            if change < 0.3:
                self.slots[slot] = self.slots.get(slot, 0) + 1
            elif change < 0.35:
                self.slots.pop(slot, None)
        self._fail()
        if self.emulator:
            self.emulator.clock.advance(seconds=self.random.choice((0, 30, 90, 600)))
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
        """A process that dies is followed by another; one that cannot write lives on."""
        try:
            act()
        except Crash:
            self.knowledge = self.opened()
        except OSError as error:
            if error.errno != 28:
                raise

    def run(self, steps: int = 6) -> list[str]:
        """Run it, let it calm down, and return what does not hold."""
        with self._closing():
            for _ in range(steps):
                self.step()
            self.is_calm = True
            self.people.give_back()
            if self.emulator:
                self.emulator.faults.clear()
            self.knowledge = self.opened()
            self.knowledge.publish(KEY, self.document())
            for _ in range(CALM_SYNCS):
                if self.emulator:
                    self.emulator.clock.advance(seconds=60)
                self.knowledge.sync()
            return [*self._silence(), *self._texts(), *self._slots(), *self._properties(), *self._told()]

    @contextmanager
    def _closing(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self.emulator:
                self._http.close()

    def _silence(self) -> Iterator[str]:
        """A last synchronisation does nothing: it says so, and nobody saw it write."""
        mark, content = len(self.emulator.calls) if self.emulator else 0, self._content()
        report = self.knowledge.sync()
        if report.writes or report.events or report.unsettled or report.suspended or report.deleted:
            yield f"not silent: {report}"
        if self._content() != content:
            yield "a quiet synchronisation wrote the file"
        calls = [(call.method, call.path) for call in self.emulator.calls[mark:]] if self.emulator else []
        if any(method in ("PATCH", "DELETE") or (method == "POST" and not path.endswith("query")) for method, path in calls):
            yield f"a quiet synchronisation wrote: {calls}"
        if len([path for _, path in calls if "/comments" not in path]) > 1:
            yield f"a quiet synchronisation asked for more than one query: {calls}"
        if self.knowledge.outbox_size():
            yield "the outbox is not empty"

    def _content(self) -> tuple[int, bytes]:
        return (0, b"") if self.emulator else (self.file.stat().st_mtime_ns, self.file.read_bytes())

    def _texts(self) -> Iterator[str]:
        said = Counter(word for each in [*self.shown(), *self._kept_aside()] for word in HUMAN.findall(each))
        yield from (f"lost: {text}" for text in self.book.alive if not said[text])
        yield from (f"twice: {text}" for text in self.book.alive if said[text] > 1 and not self._kept_aside())
        (*_, (_, markdown, *_)) = self.knowledge.store.versions(KEY)
        yield from (f"not in the newest version: {text}" for text in self.book.alive if text not in markdown and not self._kept_aside())

    def _slots(self) -> Iterator[str]:
        """The machine's blocks stand there once, in their newest version and order, but for those that people took over."""
        discussed = self._discussed()
        found = [
            (int(s), int(v)) for each in self.shown() if not HUMAN.search(each) for s, v in SLOT.findall(each) if each not in discussed
        ]
        count = Counter(slot for slot, _ in found)
        free = {
            slot: version
            for slot, version in self.slots.items()
            if slot not in self.book.touched | {int(s) for each in discussed for s, _ in SLOT.findall(each)}
        }
        yield from (f"slot {slot} is there {times} times" for slot, times in count.items() if times > 1)
        yield from (f"slot {slot}: {version} is missing" for slot, version in free.items() if (slot, version) not in found)
        yield from (f"slot {slot} is still there" for slot in count if slot not in self.slots and slot not in self.book.touched)
        order = [slot for slot, _ in found if slot in free]
        if order != sorted(order) and not self.book.has_moved:
            yield f"order: {order}"

    def _properties(self) -> Iterator[str]:
        """What people fill in stands and was told; the machine's own stand as it says them."""
        row = self.knowledge.store.page(KEY)
        assert row is not None
        page = self.knowledge.workspace.read(row.ref or "", [row.known])
        expected = {"title": self.book.title or TITLE, STATUS: self.book.status or PROPOSED, **dict(self.document().properties)}
        expected[STATUS] = self.book.status or PROPOSED
        if self._kept_aside():  # what two people filled in within one instant is in two files
            return
        yield from (
            f"{name}: {page.properties.get(name)!r} for {value!r}" for name, value in expected.items() if page.properties.get(name) != value
        )
        told = {event.key: event.after for event in self.knowledge.events() if event.kind in ("changed", "status_changed")}
        if told.get(STATUS, PROPOSED) != (self.book.status or PROPOSED):
            yield f"told of {STATUS}: {told.get(STATUS)!r}, and it is {self.book.status!r}"

    def _told(self) -> Iterator[str]:
        """Every comment and every edit is told once; the machine says nothing twice."""
        events = self.knowledge.events()
        comments = Counter(event.after for event in events if event.kind == "commented")
        shows = self.people.shows if isinstance(self.people, InNotion) else lambda _: True
        yield from (
            f"comment {text} was told {comments[text]} times"
            for text, at in self.book.comments.items()
            if comments[text] != 1 and (shows(at) or comments[text])
        )
        edits = Counter((event.before, event.after) for event in events if event.kind == "edited")
        yield from (f"edit told {times} times: {edit}" for edit, times in edits.items() if times > 1 and HUMAN.search(edit[1]))
        said = Counter(self._suggestions())
        yield from (f"suggested {times} times: {text}" for (_, text), times in said.items() if times > 1)

    def _suggestions(self) -> list[tuple[str, str]]:
        if not isinstance(self.people, InNotion):
            return suggestions_in(self.file)
        people = self.people
        ours = [node for node in people.emulator.store.all("comment") if node.created_by != people.person.id]
        return [(str(node.parent), plain(node.data["rich_text"])) for node in ours]

    def _kept_aside(self) -> list[str]:
        """Pages that were saved by two people within the same instant, one before the machine's version and one after it."""
        return [file.read_text("utf-8") for file in self.file.parent.glob("*.tambem-salvo-*.md")]

    def _discussed(self) -> set[str]:
        """Blocks that must stay as they are while people discuss them, whatever the machine says by now."""
        if not isinstance(self.people, InNotion):
            return set()
        blocks = self.people.emulator.store.living(self.people.pages()[0])
        return {plain(node.data.get("rich_text", [])) for node in blocks if self.people.is_discussed(node)}

    def shown(self) -> list[str]:
        """The words of every block of the page, as a person sees them."""
        if not isinstance(self.people, InNotion):
            return self.file.read_text("utf-8").split("\n")
        with self.people.emulator.lock:
            pages = self.people.pages()
            assert len(pages) == 1, f"{len(pages)} pages have the key"
            return [plain(node.data.get("rich_text", [])) for node in self.people.emulator.store.living(pages[0])]


_SHAPES: Sequence[Callable[[str], Block]] = (
    Paragraph,
    lambda text: Paragraph((bold("Nota: "), text)),
    Quote,
    lambda text: BulletList((Item(text),)),
)
