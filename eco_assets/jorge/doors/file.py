"""Files in a folder that others read. A file is there whole or not at all; the same key writes the same file."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import ClassVar

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors import letters
from eco_assets.jorge.doors.door import Began, Form, Message, Unreached, short
from eco_assets.jorge.doors.options import File
from eco_assets.jorge.doors.outbox import write_whole
from eco_assets.jorge.doors.webhook import body_of


class FileDoor:
    """One folder."""

    kind: ClassVar[str] = "file"
    is_idempotent: ClassVar[bool] = True

    def __init__(self, options: File) -> None:
        self._folder = options.folder

    def send(self, key: str, message: Message, began: Began) -> str:
        """See `Door.send`. What somebody else wrote under that name is not overwritten."""
        name, content = content_of(key, message)
        path, mark = self._folder / name, self._mark(name)
        try:
            if not self._folder.is_dir():
                raise Unreached(f"the folder {self._folder} is not there; make it, or mount it")
            if path.exists() and path.read_bytes() != content and not self._is_ours(mark, key):
                raise ActionRefused(f"{name} is there already, and of somebody else")
            began()
            mark.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(mark, key.encode())
            write_whole(path, content)
        except OSError as error:
            raise DoorUnavailable(f"{name} cannot be written: {error}") from error
        return f"file {name}"

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """Remove the file, if it is still the one that this key wrote."""
        name, _ = content_of(key, message)
        path, mark = self._folder / name, self._mark(name)
        try:
            if not self._is_ours(mark, key):
                return f"file {name}: of somebody else by now, or never written"
            path.unlink(missing_ok=True)
            mark.unlink(missing_ok=True)
        except OSError as error:
            raise DoorUnavailable(f"{name} cannot be removed: {error}") from error
        return f"file {name} removed"

    def check(self) -> str:
        """Write and remove a file with a dot."""
        probe = self._folder / ".eco-probe"
        try:
            write_whole(probe, b"")
            probe.unlink()
        except OSError as error:
            raise Unreached(f"the folder {self._folder} cannot be written: {error}") from error
        return f"{self._folder} can be written"

    def _mark(self, name: str) -> Path:
        return self._folder / ".eco" / short(name)

    def _is_ours(self, mark: Path, key: str) -> bool:
        return mark.is_file() and mark.read_text(encoding="utf-8") == key


def content_of(key: str, message: Message) -> tuple[str, bytes]:
    """Name and bytes of a message's file: its template filled in, else its own JSON.

    Raises:
        ActionRefused: the name leaves the folder or hides. PermanentError: the template lacks a field.
    """
    name = str(message.get("file") or f"{short(key)}.json")
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or any(part in ("..", ".") or part.startswith(".") for part in parts) or "\\" in name:
        raise ActionRefused(f"{name!r} is no name of a file within the folder")
    if message.get("template"):
        written = letters.write(str(message["template"]), {**message, **message.get("values", {})})
        return name, f"# {written.subject}\n\n{written.body}".encode()
    return name, json.dumps(json.loads(body_of(key, message)), ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def form(key: str, message: Message, *, is_withdrawal: bool = False) -> Form:
    """The file as it would be written."""
    name, content = content_of(key, message)
    if is_withdrawal:
        return Form({"file": name, "remove": True})
    return Form({"file": name}, {"file": content})
