"""What the synchronisation asks of a place where pages live. Two keep to it: a folder of Markdown, and Notion.

A page's blocks are units: a list is its single items, so that a person and the machine may change two items of one list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eco_assets.errors import EcoError, TransientError
from notion_sync.documents.canonical import canonical_blocks
from notion_sync.documents.tree import Block, BulletList, Document, Heading, NumberedList, Property, TodoList, Toggle
from notion_sync.sync.merge import Operation

TITLE = "title"
"""The name under which a page's title is merged like a property."""


class PageDeleted(EcoError):
    """A person deleted the page."""


class PageSuspended(EcoError):
    """The page cannot be read any more, and nobody said that it was deleted: nothing is concluded from that."""


class Unsure(TransientError):
    """A write may have happened: look before it is repeated."""


@dataclass(frozen=True)
class Known:
    """A unit as it stood when the page was last accepted; `text` is its Markdown."""

    id: str
    hash: str
    text: str


@dataclass(frozen=True)
class Standing:
    """A unit as it stands.

    Attributes:
        is_ours: the machine made it and was the last to change anything of it. was_made_by_us: the machine made it.
        who: who changed it last.
    """

    id: str
    block: Block
    has_open_comments: bool = False
    is_ours: bool = False
    who: str = ""
    was_made_by_us: bool = False


@dataclass(frozen=True)
class Comment:
    """A comment that is not resolved; `key` is the id of the block it is about, or "" for the page."""

    id: str
    text: str
    block_id: str = ""
    who: str = ""
    is_ours: bool = False


@dataclass(frozen=True)
class Page:
    """A page as it stands.

    Attributes:
        etag: changes when the page does, where the place has such a thing; "" otherwise.
        who: who changed it last, "" where nobody knows.
    """

    ref: str
    properties: Mapping[str, Property]
    blocks: tuple[Standing, ...]
    etag: str = ""
    who: str = ""


@dataclass(frozen=True)
class Written:
    """What became of operations.

    Attributes:
        ids: key → id of the block that now says it. refused: keys whose condition did not hold; "" where properties were not written.
        discussed: ids of blocks that people discuss, which were therefore neither replaced nor deleted; their keys are among `refused`.
        etag: the page's new one. known: how the page stands now, where the place knows; None: read it.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    discussed: frozenset[str] = frozenset()
    etag: str = ""
    known: tuple[Known, ...] | None = None


Intend = Callable[[str, Mapping[str, Any]], None]
"""Notes durably what is about to be written, before it is: kind and body of the outbox's row."""


class Workspace(Protocol):
    """A place where pages live. Every method may raise `TransientError`; a write that may have happened raises `Unsure`.

    `is_polled`: looking at a page costs requests, so publishing what was said before looks at nothing; the next `sync` does.
    """

    is_polled: bool

    def form(self, key: str, document: Document) -> tuple[Block, ...]:
        """The units that this place keeps of a document."""

    def find(self, key: str) -> str | None:
        """The page with a key, or None."""

    def create(self, key: str, document: Document) -> str:
        """Make an empty page with the document's properties; returns what names it here."""

    def stamp(self, ref: str) -> str:
        """Changes when the page does; "" where only reading it tells."""

    def read(self, ref: str, bases: Sequence[Sequence[Known]]) -> Page:
        """Read a page.

        Args:
            ref: as `find` and `create` say.
            bases: the states it may come from, the likeliest last; a place without ids of its own recognises blocks by them.

        Raises:
            PageDeleted: a person deleted it. PageSuspended: the access was taken away.
        """

    def apply(
        self, page: Page, operations: Sequence[Operation], values: Mapping[str, Property], pictures: Mapping[str, bytes], intend: Intend
    ) -> Written:
        """Carry operations out, each only if its condition holds, and write properties."""

    def comments(self, ref: str, only: Sequence[str] | None = None) -> Sequence[Comment]:
        """The open comments of a page and of its blocks; of some places where `only` is said: ids of blocks, "" for the page itself."""

    def is_back(self, ref: str) -> bool:
        """Whether a page that was deleted is there again, as far as `changed` saw."""

    def changed(self, known: Mapping[str, tuple[str, str]]) -> Iterable[str]:
        """The keys among `known` (key → ref and `etag`) that may have changed since they were last accepted; may name too many."""

    def value(self, name: str, value: Property) -> Property:
        """What this place keeps of a property's value."""

    def settle(self, bodies: Sequence[Mapping[str, Any]]) -> Collection[int] | None:
        """Before a page with begun writes is read: bring back what a person had changed just before the machine deleted it.

        Returns the numbers of those writes that are known not to have happened; None where reading the page has to tell.
        """

    def accepted(self, key: str, ref: str, document: Document, pictures: Mapping[str, bytes]) -> None:
        """The page's state was recorded."""


def kind_of(block: Block) -> str:
    """What a block is, so that two of one kind may be two versions of it."""
    level = block.level if isinstance(block, Heading | Toggle) and block.level else ""
    return f"{type(block).__name__.lower()}{level}"


def units(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return blocks in canonical form with every list as its single items."""
    found: list[Block] = []
    for block in canonical_blocks(blocks):
        match block:
            case BulletList(items):
                found += [BulletList((entry,)) for entry in items]
            case TodoList(items):
                found += [TodoList((entry,)) for entry in items]
            case NumberedList(items, start):
                found += [NumberedList((entry,), start if number == 0 else 1) for number, entry in enumerate(items)]
            case _:
                found.append(block)
    return tuple(found)
