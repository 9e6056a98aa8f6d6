"""The folder workspace: pages as Markdown files that people can open, edit and keep under version control.

Here belong files, hashes and what happens when a person has edited a page. What a page says stays out. The file
`.eco-publicado.json` in the root remembers the hash of what was written: it tells a person's edit apart from ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from eco_assets.errors import ConfigError, PermanentError
from notion_sync.documents.markdown_writer import IMAGE_FOLDER, to_markdown
from notion_sync.documents.tree import Document

STATE_FILE = ".eco-publicado.json"
_LOCK_FILE = ".eco-publicado.lock"
_IMAGE_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\.png", re.ASCII)


@dataclass(frozen=True)
class Published:
    """What `publish` did.

    Attributes:
        path: the page's file.
        is_changed: whether the page or one of its pictures was written.
        sha256: hash of the page as we say it, hexadecimal.
        conflict: where a person's version was kept because both sides had changed; None otherwise.
    """

    path: Path
    is_changed: bool
    sha256: str
    conflict: Path | None = None


class FolderWorkspace:
    """Publishes documents under `root`, atomically, and never over a person's words."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def publish(self, path: str, document: Document, images: Mapping[str, bytes] | None = None) -> Published:
        """Write `document` to `path`; nothing is written that is already there.

        A page that a person edited stays as it is while we have nothing new to say. When we do, the person's version is
        kept beside the page as `<name>.conflito-<hash>.md` and ours takes its place.

        Args:
            path: page path relative to the root, with forward slashes, ending in `.md`.
            document: what the page says.
            images: file name (`*.png`) → PNG bytes; written to `imagens/` beside the page, before the page.

        Raises:
            ConfigError: `path` or an image name leaves the workspace or is not of the expected form.
            PermanentError: the record of what was published cannot be read.
        """
        page = self._page(path)
        pictures = {self._picture(page, name): content for name, content in (images or {}).items()}
        content = to_markdown(document).encode()
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / _LOCK_FILE):
            is_picture_changed = [_write_if_new(picture, data) for picture, data in pictures.items()]
            is_page_changed, conflict = self._write_page(path, page, content)
        return Published(page, is_page_changed or any(is_picture_changed), _sha256(content), conflict)

    def _write_page(self, path: str, page: Path, content: bytes) -> tuple[bool, Path | None]:
        state = self._state()
        ours = state.get(path, [])
        new = _sha256(content)
        current = page.read_bytes() if page.exists() else None
        if current == content:
            if ours[:1] != [new]:
                self._save({**state, path: [new]})
            return False, None
        found = _sha256(current) if current is not None else None
        is_edited = found is not None and found not in ours
        if is_edited and ours[:1] == [new]:
            return False, None  # nothing new from us: the person's edit stands
        conflict = _keep(page, current, found) if is_edited and current is not None and found is not None else None
        # Both hashes are recorded before the write: after a crash on either side of it the page is known as ours.
        self._save({**state, path: [new] if found is None or is_edited else [new, found]})
        _write(page, content)
        return True, conflict

    def _page(self, path: str) -> Path:
        pure = PurePosixPath(path)
        is_plain = not pure.is_absolute() and "\\" not in path and not any(part.startswith(".") for part in pure.parts)
        if not is_plain or pure.suffix != ".md" or str(pure) != path:
            raise ConfigError(f"page path {path!r} is not a plain relative path that ends in .md: use folder/page.md")
        return self._inside(self.root / pure, path)

    def _picture(self, page: Path, name: str) -> Path:
        if not _IMAGE_NAME.fullmatch(name):
            raise ConfigError(f"image name {name!r} is not a plain file name: use ASCII letters, digits, - _ and .png")
        return self._inside(page.parent / IMAGE_FOLDER / name, name)

    def _inside(self, target: Path, given: str) -> Path:
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise ConfigError(f"{given!r} leads out of the workspace {self.root}: remove the link that points outside")
        return target

    def _state(self) -> dict[str, list[str]]:
        file = self.root / STATE_FILE
        if not file.exists():
            return {}
        try:
            pages = json.loads(file.read_text("utf-8"))["pages"]
            return {str(path): [str(digest) for digest in digests] for path, digests in pages.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{file} is not readable: restore it, or delete it and pages that differ are kept as conflicts"
            raise PermanentError(message) from error

    def _save(self, state: Mapping[str, list[str]]) -> None:
        text = json.dumps({"version": 1, "pages": state}, indent=1, sort_keys=True, ensure_ascii=False)
        _write(self.root / STATE_FILE, f"{text}\n".encode())


def _keep(page: Path, content: bytes, digest: str) -> Path:
    conflict = page.with_name(f"{page.stem}.conflito-{digest[:8]}{page.suffix}")
    _write_if_new(conflict, content)
    return conflict


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
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
