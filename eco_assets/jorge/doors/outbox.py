"""The outbox: a folder where messages lie in their final form while nobody is configured to take them, one JSON file a key.

What a mail server, a web server or a database would have got lies in `form`, or beside the file where it is bytes of its own (`.eml`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Form, Message, short, withdrawal
from eco_assets.jorge.doors.forms import form_of

SAYS = "na caixa de saída, nada configurado"


class Outbox:
    """A folder a door. The same key is written once; what was withdrawn and is sent anew lies there as another key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, door: str, key: str, message: Message, kind: str) -> str:
        """Put a message there; returns where it lies.

        Raises:
            DoorUnavailable: it cannot be written; the same call may go through later.
            PermanentError: it cannot be put into the form of its kind: an unknown template, a missing field.
        """
        own = self._turn(door, key)
        target = self._target(door, own)
        if not target.is_file():
            self._write(door, target, {"key": own, "door": door, **message}, form_of(kind, own, message))
        return f"{door}/{target.name} ({SAYS})"

    def withdraw(self, door: str, key: str, message: Message, kind: str) -> str:
        """Put the message there that takes another back. A door that cannot be written and never held it has nothing to take back."""
        own = self._turn(door, key, newest=True)
        target = self._target(door, withdrawal(own))
        try:
            if not target.is_file():
                form = form_of(kind, own, message, is_withdrawal=True) if kind else Form({})
                self._write(door, target, {"key": own, "door": door, "withdraws": own}, form)
        except DoorUnavailable:
            if self._target(door, own).is_file():
                raise
            return "nothing was sent"
        return f"{door}/{target.name} ({SAYS})"

    def _turn(self, door: str, key: str, *, newest: bool = False) -> str:
        """The key that is not withdrawn yet; `newest`: or the last one that is, where nothing was sent after it."""
        own, turn = key, 1
        while self._target(door, withdrawal(own)).is_file():
            following = f"{key}#{turn + 1}"
            if newest and not self._target(door, following).is_file():
                return own
            own, turn = following, turn + 1
        return own

    def _write(self, door: str, target: Path, envelope: dict[str, Any], form: Form) -> None:
        shown = {name: value for name, value in envelope.items() if name != "values"}
        beside = {ending: target.with_suffix(f".{ending}") for ending in form.files}
        if form.fields or beside:
            shown["form"] = {**form.fields, **({"files": [path.name for path in beside.values()]} if beside else {})}
        text = json.dumps(shown, ensure_ascii=False, indent=1, sort_keys=True, default=str)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for ending, path in beside.items():
                write_whole(path, form.files[ending])
            write_whole(target, text.encode())
        except OSError as error:
            raise DoorUnavailable(f"the outbox {door} cannot be written: {error}") from error

    def _target(self, door: str, key: str) -> Path:
        if not door.replace("_", "").replace("-", "").isalnum():
            raise ActionRefused(f"{door!r} is no door's name: letters, digits, _ and - only")
        return self._folder / door / f"{short(key)}.json"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
