"""The folder: every page a Markdown file with front matter, comments beside it in `<page>.comentarios.jsonl`.

A file has no ids, so a block is recognised by what it says (`sync/alignment.py`). A page is written whole and atomically, after looking
that nobody wrote in between. People comment by adding a line to the comments' file, in plain words.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
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
DRAFTS = ".eco-rascunhos"
"""Where a page's next content lies until it takes the page's place. Whether it did is told by whether it is gone."""
_IMAGE_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\.png", re.ASCII)


class Folder:
    """Pages under `root`; a page's key and ref are its path."""

    is_polled = False

    def __init__(self, root: Path) -> None:
        self.root = root

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
        return _sha256(page.read_bytes()) if page.exists() else "missing"

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
        if not base and _sha256(content) in self._legacy().get(ref, []):
            standing = tuple(Standing(each.id, each.block, is_ours=True) for each in standing)
        return Page(ref, {**document.properties, TITLE: document.title}, standing, _sha256(content))

    def apply(
        self, page: Page, operations: Sequence[Operation], values: Mapping[str, Property], pictures: Mapping[str, bytes], intend: Intend
    ) -> Written:
        """See `Workspace.apply`. All of it is one write, or none."""
        for name, data in pictures.items():
            _write_if_new(self.picture(page.ref, name), data)
        target, ids, suggestions = _changed(page.blocks, operations)
        self._suggest(page.ref, suggestions)
        properties = {**page.properties, **values}
        title = str(properties.pop(TITLE, "") or "")
        content = to_markdown(Document(title, properties, canonical_blocks([each.block for each in target]))).encode()
        goal = [Known(each.id, block_hash(each.block), write_blocks([each.block])) for each in target]
        back = recognised(goal, units(read_markdown(content.decode()).blocks))
        known = tuple(Known(each.id, block_hash(each.block), write_blocks([each.block])) for each in back)
        if _sha256(content) != page.etag:
            file = self.file(page.ref)
            draft = self._draft(page.ref, content)
            intend("file", {"draft": draft.name, "target": [[each.id, each.hash, each.text] for each in known], "ids": ids})
            now = _sha256(file.read_bytes()) if file.exists() else ""
            if now != page.etag:
                return Written(refused=frozenset(operation.key for operation in operations) | {""})
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(file)
            _make_durable(file.parent)
        return Written(ids, etag=_sha256(content), known=known)

    @property
    def _drafts(self) -> Path:
        return self.root / DRAFTS

    def _draft(self, ref: str, content: bytes) -> Path:
        """The page's next content, durably, beside the pages and under a name of its own."""
        draft = self._drafts / f"{_draft_prefix(ref)}-{secrets.token_hex(8)}.tmp"
        draft.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(draft, content)
        return draft

    def _suggest(self, ref: str, suggestions: Sequence[Suggest]) -> None:
        """Say the machine's version, once."""
        held = {(comment.block_id, comment.text) for comment in self.comments(ref) if comment.is_ours}
        for each in suggestions:
            text = write_blocks([each.block])
            if (each.block_id, text) not in held:
                line = json.dumps({"id": _sha256(f"{each.block_id}\n{text}".encode())[:16], "de": "eco", "bloco": each.block_id,
                                   "trecho": each.key, "texto": text}, ensure_ascii=False)  # fmt: skip
                file = self.comments_file(ref)
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a", encoding="utf-8") as stream:
                    stream.write(f"{line}\n")

    def comments(self, ref: str) -> Sequence[Comment]:
        """See `Workspace.comments`; a line that is no JSON is a person's, `name: text` says whose."""
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
        """See `Workspace.settle`: a draft that still lies there never took the file's place, whatever people did to the file since."""
        return [number for number, body in enumerate(bodies) if (self._drafts / str(body["draft"])).exists()]

    def changed(self, known: Mapping[str, tuple[str, str]]) -> Iterable[str]:
        """All of them: `stamp` is cheap here."""
        return list(known)

    def accepted(self, key: str, ref: str, document: Document, pictures: Mapping[str, bytes]) -> None:
        """No draft of the page is needed any more."""
        for draft in self._drafts.glob(f"{_draft_prefix(key)}-*.tmp"):
            draft.unlink(missing_ok=True)

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
        return Comment(_sha256(f"{line}\n{repeated}".encode())[:16], text if is_named else line, who=who if is_named else "")


def write_picture(folder: Path, name: str, content: bytes) -> bool:
    """Write a picture where it is not; returns whether it was written."""
    return _write_if_new(folder / name, content)


def _write_if_new(file: Path, content: bytes) -> bool:
    if file.exists() and file.read_bytes() == content:
        return False
    _write(file, content)
    return True


def _write(file: Path, content: bytes) -> None:
    """Write to a neighbour and rename it into place: a reader sees the old bytes or the new, never a part."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        _write_durably(draft, content)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _write_durably(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _make_durable(folder: Path) -> None:
    """A rename survives a power failure from here on; else the page's record could be newer than the page."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _draft_prefix(key: str) -> str:
    return _sha256(key.encode())[:16]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
