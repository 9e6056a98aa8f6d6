"""A page's next content, until it takes the page's place; what lies under a draft's name tells at any time whether it did.

| under the draft's name | what happened |
|---|---|
| what the page shall say | nothing yet |
| what the page said before, or nothing | the draft is the page |
| anything else | a person saved between looking and replacing: their text is given back, and nothing was written |
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from notion_sync.workspaces.files import Unsupported, exchange, make_durable, place, sha256, write_durably, write_if_new

DRAFTS = ".eco-rascunhos"
"""The drafts' folder, beside the pages."""


class Drafts:
    """Drafts of the pages of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def made(self, key: str, content: bytes) -> Path:
        """A page's next content, durably and under a name of its own."""
        draft = self._folder / f"{_prefix(key)}-{secrets.token_hex(8)}.tmp"
        draft.parent.mkdir(parents=True, exist_ok=True)
        write_durably(draft, content)
        return draft

    def take_place(self, draft: Path, file: Path, before: str) -> bool:
        """Let a draft take the page's place, if the page still hashes to `before` ("": there is none); whether it did."""
        if (sha256(file.read_bytes()) if file.exists() else "") != before:
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        after = sha256(draft.read_bytes())
        try:
            if before:
                self._exchange(draft, file)
            else:
                self._place(draft, file)
        except Unsupported:
            draft.replace(file)
        except (FileNotFoundError, FileExistsError):  # a person deleted it, or made it, right now
            return False
        make_durable(file.parent)
        return self._is_placed(draft, file, before, after)

    def took_place(self, body: Mapping[str, Any], file: Path) -> bool:
        """Whether the draft of a write that was begun is the page; what a person saved meanwhile is given back."""
        return self._is_placed(self._folder / str(body["draft"]), file, str(body["before"]), str(body["after"]))

    def is_gone(self, body: Mapping[str, Any]) -> bool:
        """The same for a write that an earlier version of Eco began."""
        return not (self._folder / str(body["draft"])).exists()

    def clear(self, key: str) -> None:
        """No draft of a page is needed any more."""
        for draft in self._folder.glob(f"{_prefix(key)}-*.tmp*"):
            draft.unlink(missing_ok=True)

    def _is_placed(self, draft: Path, file: Path, before: str, after: str) -> bool:
        """Whether a draft stands in the page's place, told by what lies in its own; what a person saved meanwhile is given back."""
        saved = next(iter(draft.parent.glob(f"{draft.name}.*")), None)
        if saved is None:
            aside = sha256(draft.read_bytes()) if draft.exists() else before
            if aside == before:
                draft.unlink(missing_ok=True)
                return True
            if aside == after:
                return False
            # The name says what the person saved, so that a crash from here on leaves no doubt about who holds which text.
            saved = draft.rename(draft.with_name(f"{draft.name}.{aside}"))
        if sha256(saved.read_bytes()) == saved.suffix[1:]:
            self._give_back(saved, file)
        content = saved.read_bytes()
        if (digest := sha256(content)) != after:
            # Two people within the same instant: one saved before our version came, one saved on top of it or deleted it. The first one's
            # text stands, or nothing does; the other is kept beside it.
            write_if_new(file.with_name(f"{file.stem}.tambem-salvo-{digest[:8]}.md"), content)
        return False

    def _give_back(self, draft: Path, file: Path) -> None:
        """Trade a draft and the page once more; a page that a person deleted meanwhile stays deleted."""
        with suppress(FileNotFoundError):
            self._exchange(draft, file)
            make_durable(file.parent)

    def _exchange(self, draft: Path, file: Path) -> None:
        exchange(draft, file)

    def _place(self, draft: Path, file: Path) -> None:
        place(draft, file)


def _prefix(key: str) -> str:
    return sha256(key.encode())[:16]
