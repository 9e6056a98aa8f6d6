"""What people do to a page in the simulation, in a folder's file and in Notion, and what is expected of it afterwards."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from notion_sync.approval_pages import STATUS
from notion_sync.testing.content import plain
from notion_sync.testing.people import Person
from notion_sync.testing.server import NotionEmulator
from notion_sync.testing.store import Node

SLOT = re.compile(r"slot-(\d+) versao-(\d+)")
HUMAN = re.compile(r"humano-\d+-\d+")
ANSWERS = ("Aprovada", "Rejeitada", "Em análise", "Proposta")
ACTS = (
    *("edit",) * 6, *("extend",) * 2, *("write",) * 3, *("delete",) * 2, *("move",) * 2, "heading", "answer", "title", "meddle",
    "comment", "comment", "lock_out",
)  # fmt: skip


@dataclass
class Book:
    """What people did, as far as it must be found again.

    `alive`: texts that stand somewhere. `touched`: the machine's blocks that a person took over or deleted. `comments`: text → where.
    """

    alive: set[str] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    comments: dict[str, str] = field(default_factory=dict)
    status: str = ""
    title: str = ""
    has_moved: bool = False

    def left(self, words: str) -> None:
        """These words were taken away by a person."""
        self.alive -= set(HUMAN.findall(words))
        self.touched |= {int(slot) for slot, _ in SLOT.findall(words)}


class InFiles:
    """A person with an editor, who saves whole files."""

    def __init__(self, page: Path, book: Book, chance: random.Random) -> None:
        self.page, self.book, self.random = page, book, chance

    def act(self, act: str, text: str) -> None:
        """Do one thing, if the page is there."""
        if not self.page.exists():
            return
        self.give_back()
        if act == "comment":
            with self.page.with_suffix(".comentarios.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(f"Ana Souza: {text}\n")
            self.book.comments[text] = ""
            return
        said = self.page.read_text("utf-8")
        if act == "lock_out":
            changed = said.replace("tipo: ", "tipo: [", 1)
        elif act in ("answer", "title", "meddle"):
            changed = self._property(act, said, text)
        else:
            changed = self._body(act, said, text)
        self._save(changed)

    def give_back(self) -> None:
        """Repair what cannot be read; looked at anew, for what was saved while the machine was replacing the file comes back later."""
        said = self.page.read_text("utf-8") if self.page.exists() else ""
        if "tipo: [" in said:
            self._save(said.replace("tipo: [", "tipo: ", 1))

    def _save(self, text: str) -> None:
        """As editors do: a new file takes the old one's name."""
        draft = self.page.with_suffix(".swp")
        draft.write_text(text, "utf-8")
        draft.replace(self.page)

    def _property(self, act: str, said: str, text: str) -> str:
        if act == "answer":
            self.book.status = self.random.choice(ANSWERS)
            return re.sub(rf"(?m)^{STATUS}: .*$", f"{STATUS}: {self.book.status}", said, count=1)
        if act == "title":
            self.book.title = text
            return re.sub(r"(?m)^# .*$", f"# {text}", said, count=1)
        return re.sub(r"(?m)^rodada: .*$", "rodada: 12345", said, count=1)

    def _body(self, act: str, said: str, text: str) -> str:
        parts = said.rstrip("\n").split("\n\n")
        own = [index for index, part in enumerate(parts) if index > 1 and (SLOT.search(part) or HUMAN.search(part)) and part[0] != "#"]
        headings = [index for index, part in enumerate(parts) if part.startswith("### ")]
        if act == "heading" and headings:
            index = self.random.choice(headings)
            self.book.left(parts[index])
            anchor = re.search(r"<a id=.*</a>", parts[index])
            parts[index] = f"### {anchor.group() if anchor and self.random.random() < 0.5 else ''}{text}"
            self.book.alive.add(text)
        elif act in ("write", "heading") or not own:
            parts.insert(self.random.randint(min(2, len(parts)), len(parts)), text)
            self.book.alive.add(text)
        else:
            self._block(act, parts, self.random.choice(own), text)
        return "\n\n".join(parts) + "\n"

    def _block(self, act: str, parts: list[str], index: int, text: str) -> None:
        if act == "move":
            self.book.has_moved = True
            part = parts.pop(index)
            parts.insert(self.random.randint(min(2, len(parts)), len(parts)), part)
            return
        was = parts[index]
        self.book.left(was)
        if act == "delete":
            del parts[index]
            return
        mark = re.match(r"- |> |", was)
        parts[index] = f"{was} {text}" if act == "extend" else f"{mark.group() if mark else ''}{text}"
        self.book.alive |= set(HUMAN.findall(parts[index]))


class InNotion:
    """A member of the workspace."""

    def __init__(self, emulator: NotionEmulator, book: Book, chance: random.Random) -> None:
        self.emulator, self.book, self.random = emulator, book, chance
        self.person: Person = emulator.person("Ana Souza")
        self._locked_out: str | None = None

    def pages(self) -> list[Node]:
        """The rows of the data source."""
        return [node for node in self.emulator.store.all("page") if node.parent["type"] == "data_source_id"]

    def act(self, act: str, text: str) -> None:
        """Do one thing, if the page is there."""
        with self.emulator.lock:
            self.give_back()
            pages = self.pages()
            if not pages:
                return
            if act == "lock_out":
                self._locked_out = pages[0].id
                self.person.unshare(pages[0].id)
            elif act in ("answer", "title", "meddle"):
                self._property(act, pages[0].id, text)
            else:
                self._body(act, pages[0], text)

    def give_back(self) -> None:
        """Share what was not shared any more."""
        if self._locked_out:
            self.person.share(self._locked_out)
            self._locked_out = None

    def _property(self, act: str, page: str, text: str) -> None:
        columns = {spec["name"] for spec in self.emulator.store.schema(self.emulator.store.nodes[page]).values()}
        if act == "answer" and STATUS in columns:
            self.book.status = self.random.choice(ANSWERS)
            self.person.set(page, **{STATUS: {"select": {"name": self.book.status}}})
        elif act == "title":
            self.book.title = text
            self.person.set(page, Nome={"title": [{"text": {"content": text}}]})
        elif "rodada" in columns:
            self.person.set(page, rodada={"number": 12345})

    def _body(self, act: str, page: Node, text: str) -> None:
        blocks = self.emulator.store.living(page)
        wanted: Callable[[Node], bool] = lambda node: node.type.startswith("heading") == (act == "heading")  # noqa: E731
        own = [node for node in blocks if act == "comment" or wanted(node)]
        if act == "comment":
            target = self.random.choice([page, *own]).id
            self.person.comment(target, text)
            self.book.comments[text] = target
        elif act == "write" or not own:
            after = self.random.choice([node.id for node in blocks]) if blocks and self.random.random() < 0.7 else None
            self.person.write(page.id, text, after=after)
            self.book.alive.add(text)
        elif act == "move":
            self.book.has_moved = True
            node = self.random.choice(own)
            others = [each.id for each in blocks if each.id != node.id]
            self.person.move(node.id, page.id, after=self.random.choice([None, *others]))
        else:
            self._words(act, self.random.choice(own), text)

    def _words(self, act: str, node: Node, text: str) -> None:
        was = plain(node.data.get("rich_text", []))
        self.book.left(was)
        if act == "delete":
            self.person.delete(node.id)
            return
        now = f"{was} {text}" if act == "extend" else text
        self.person.edit(node.id, now)
        self.book.alive |= set(HUMAN.findall(now))

    def is_discussed(self, block: Node) -> bool:
        """Whether somebody commented on a block: then the machine neither replaces nor deletes it, and its version is a suggestion."""
        return block.id in self.book.comments.values()

    def shows(self, target: str) -> bool:
        """Whether a page or block is there."""
        return not self.emulator.store.is_trashed(self.emulator.store.nodes[target])


def suggestions_in(page: Path) -> list[tuple[str, str]]:
    """(block, text) of what the machine said beside people's text, in a folder."""
    file = page.with_suffix(".comentarios.jsonl")
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    said = [json.loads(line) for line in lines if line.startswith("{")]
    return [(line["bloco"], line["texto"]) for line in said]
