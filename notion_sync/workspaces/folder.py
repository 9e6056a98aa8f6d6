"""The folder: every page a Markdown file with front matter, comments beside it in `<page>.comentarios.jsonl`.

A file has no ids, so a block is recognised by what it says (`sync/alignment.py`). A page is written whole and atomically, after looking
that nobody wrote in between. People comment by adding a line to the comments' file, in plain words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from eco_assets.errors import ConfigError, PermanentError
from notion_sync.documents.canonical import canonical_blocks
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import IMAGE_FOLDER, to_markdown, write_blocks
from notion_sync.documents.tree import Block, Document, Property
from notion_sync.sync.alignment import recognised
from notion_sync.sync.merge import Delete, Insert, Operation, Suggest, Update, block_hash
from notion_sync.workspaces.drafts import DRAFTS, Drafts
from notion_sync.workspaces.files import sha256, write_if_new
from notion_sync.workspaces.protocol import (
    TITLE,
    Comment,
    Intend,
    Known,
    Page,
    PageDeleted,
    PageSuspended,
    Standing,
    Written,
    units,
)

LEGACY = ".eco-publicado.json"
"""Hashes of what earlier versions of Eco wrote: such a page is the machine's."""
_IMAGE_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\.png", re.ASCII)


class Folder:
    """Pages under `root`; a page's key and ref are its path."""

    is_polled = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.drafts = Drafts(root / DRAFTS)

    def form(self, key: str, document: Document) -> tuple[Block, ...]:
        """See `Workspace.form`."""
        return units(document.blocks)

    def find(self, key: str) -> str | None:
        """See `Workspace.find`."""
        return key if self.file(key).exists() else None

    def create(self, key: str, document: Document) -> str:
        """The file is made by its first `apply`."""
        self.file(key)
        return key

    def stamp(self, ref: str) -> str:
        """The hash of the file."""
        page = self.file(ref)
        return sha256(page.read_bytes()) if page.exists() else "missing"

    def read(self, ref: str, bases: Sequence[Sequence[Known]]) -> Page:
        """See `Workspace.read`."""
        page = self.file(ref)
        if not page.exists():
            if bases[-1] and any(True for _ in self.root.rglob("*.md")):
                raise PageDeleted(ref)
            return Page(ref, {}, ())
        content = page.read_bytes()
        try:
            document = read_markdown(content.decode("utf-8"))
        except (PermanentError, UnicodeDecodeError) as error:
            raise PageSuspended(f"{ref}: {error}") from error
        base = bases[-1]
        standing = recognised(base, units(document.blocks))
        if not base and sha256(content) in self._legacy().get(ref, []):
            standing = tuple(Standing(each.id, each.block, is_ours=True) for each in standing)
        return Page(ref, {**document.properties, TITLE: document.title}, standing, sha256(content))

    def apply(
        self, page: Page, operations: Sequence[Operation], values: Mapping[str, Property], pictures: Mapping[str, bytes], intend: Intend
    ) -> Written:
        """See `Workspace.apply`. All of it is one write, or none."""
        for name, data in pictures.items():
            write_if_new(self.picture(page.ref, name), data)
        target, ids, suggestions = _changed(page.blocks, operations)
        self._suggest(page.ref, suggestions)
        properties = {**page.properties, **values}
        title = str(properties.pop(TITLE, "") or "")
        content = to_markdown(Document(title, properties, canonical_blocks([each.block for each in target]))).encode()
        goal = [Known(each.id, block_hash(each.block), write_blocks([each.block])) for each in target]
        back = recognised(goal, units(read_markdown(content.decode()).blocks))
        known = tuple(Known(each.id, block_hash(each.block), write_blocks([each.block])) for each in back)
        after = sha256(content)
        if after != page.etag:
            draft = self.drafts.made(page.ref, content)
            unit = [[each.id, each.hash, each.text] for each in known]
            intend("file", {"draft": draft.name, "page": page.ref, "before": page.etag, "after": after, "target": unit, "ids": ids})
            if not self.drafts.take_place(draft, self.file(page.ref), page.etag):
                return Written(refused=frozenset(operation.key for operation in operations) | {""})
        return Written(ids, etag=after, known=known)

    def _suggest(self, ref: str, suggestions: Sequence[Suggest]) -> None:
        """Say the machine's version, once."""
        held = {(comment.block_id, comment.text) for comment in self.comments(ref) if comment.is_ours}
        for each in suggestions:
            text = write_blocks([each.block])
            if (each.block_id, text) not in held:
                line = json.dumps({"id": sha256(f"{each.block_id}\n{text}".encode())[:16], "de": "eco", "bloco": each.block_id,
                                   "trecho": each.key, "texto": text}, ensure_ascii=False)  # fmt: skip
                file = self.comments_file(ref)
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a", encoding="utf-8") as stream:
                    stream.write(f"{line}\n")

    def is_back(self, ref: str) -> bool:
        """See `Workspace.is_back`."""
        return self.file(ref).exists()

    def comments(self, ref: str, only: Sequence[str] | None = None) -> Sequence[Comment]:
        """See `Workspace.comments`: all of them; a line that is no JSON is a person's, `name: text` says whose."""
        file = self.comments_file(ref)
        found: list[Comment] = []
        for line in file.read_text("utf-8", errors="replace").splitlines() if file.exists() else ():
            if line.strip():
                found.append(_comment(line.strip(), sum(other.text == line.strip() for other in found)))
        return found

    def value(self, name: str, value: Property) -> Property:
        """All of it."""
        return value

    def settle(self, bodies: Sequence[Mapping[str, Any]]) -> Collection[int]:
        """See `Workspace.settle`: what lies under a draft's name tells whether it took the page's place, whatever people did since."""
        return [number for number, body in enumerate(bodies) if not self._took_place(body)]

    def _took_place(self, body: Mapping[str, Any]) -> bool:
        return self.drafts.took_place(body, self.file(str(body["page"]))) if "after" in body else self.drafts.is_gone(body)

    def changed(self, known: Mapping[str, tuple[str, str]]) -> Iterable[str]:
        """All of them: `stamp` is cheap here."""
        return list(known)

    def accepted(self, key: str, ref: str, document: Document, pictures: Mapping[str, bytes]) -> None:
        """No draft of the page is needed any more."""
        self.drafts.clear(key)

    def file(self, key: str) -> Path:
        """The file of a page.

        Raises:
            ConfigError: `key` leaves the folder, or is not of the expected form.
        """
        pure = PurePosixPath(key)
        is_plain = not pure.is_absolute() and "\\" not in key and not any(part.startswith(".") for part in pure.parts)
        if not is_plain or pure.suffix != ".md" or str(pure) != key:
            raise ConfigError(f"page path {key!r} is not a plain relative path that ends in .md: use folder/page.md")
        return self._inside(self.root / pure, key)

    def comments_file(self, key: str) -> Path:
        """Where a page's comments are."""
        return self.file(key).with_suffix(".comentarios.jsonl")

    def picture(self, key: str, name: str) -> Path:
        """The file of a page's picture."""
        if not _IMAGE_NAME.fullmatch(name):
            raise ConfigError(f"image name {name!r} is not a plain file name: use ASCII letters, digits, - _ and .png")
        return self._inside(self.file(key).parent / IMAGE_FOLDER / name, name)

    def _inside(self, target: Path, given: str) -> Path:
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise ConfigError(f"{given!r} leads out of the workspace {self.root}: remove the link that points outside")
        return target

    def _legacy(self) -> dict[str, list[str]]:
        try:
            return dict(json.loads((self.root / LEGACY).read_text("utf-8"))["pages"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def _changed(blocks: Sequence[Standing], operations: Sequence[Operation]) -> tuple[list[Standing], dict[str, str], list[Suggest]]:
    """What stands after the operations, the ids of what was inserted or changed by key, and what is only suggested."""
    target, suggestions = list(blocks), list[Suggest]()
    ids: dict[str, str] = {}
    taken = {each.id for each in blocks}
    for operation in operations:
        match operation:
            case Insert(key, block, after, after_key):
                behind = ids.get(after_key) if after_key is not None else after
                at = next((index + 1 for index, each in enumerate(target) if each.id == behind), 0) if behind else 0
                number = len(taken)
                while (name := f"m-{number}") in taken:
                    number += 1
                taken.add(name)
                ids[key] = name
                target.insert(at, Standing(name, block))
            case Update(key, block_id, block):
                ids[key] = block_id
                target = [Standing(block_id, block) if each.id == block_id else each for each in target]
            case Delete(_, block_id):
                target = [each for each in target if each.id != block_id]
            case Suggest():
                suggestions.append(operation)
    return target, ids, suggestions


def _comment(line: str, repeated: int) -> Comment:
    try:
        said = json.loads(line)
        return Comment(str(said["id"]), str(said["texto"]), str(said.get("bloco", "")), str(said.get("de", "")), said.get("de") == "eco")
    except (ValueError, KeyError, TypeError):
        who, colon, text = line.partition(": ")
        is_named = bool(colon) and len(who.split()) <= 4
        return Comment(sha256(f"{line}\n{repeated}".encode())[:16], text if is_named else line, who=who if is_named else "")


def write_picture(folder: Path, name: str, content: bytes) -> bool:
    """Write a picture where it is not; returns whether it was written."""
    return write_if_new(folder / name, content)
