"""People's comments become events, each once; a changed one is told again.

A comment changes no page's stamp. Where looking is free (a folder) every page is listened to at each synchronisation. In Notion a comment
is found only by asking about the very page or block: pages that changed are listened to as a whole, and of the others `most` places (a
page or a block, one request each) at each synchronisation, in rotation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from notion_sync.sync.store import Note, Store
from notion_sync.workspaces.protocol import Workspace

LOOKS = 10
"""Places that one synchronisation asks about without knowing of a comment."""
_PLACE = "listening"


class Listener:
    """Notes comments.

    Args:
        workspace: where the pages are. store: what is remembered. most: as the module says.
    """

    def __init__(self, workspace: Workspace, store: Store, most: int = LOOKS) -> None:
        self._workspace, self._store, self._most = workspace, store, most

    def listen(self, key: str, only: Sequence[str] | None = None) -> int:
        """Note what is new on a page; returns how much.

        Args:
            key: the page's.
            only: ids of blocks, "" for the page's own comments; everything where None.
        """
        row = self._store.page(key)
        if row is None or row.ref is None:
            return 0
        told = self._store.comments(key)
        heard = self._workspace.comments(row.ref, only)
        new = {each.id: each for each in heard if not each.is_ours and told.get(each.id) != each.text}
        keys = {entry.block_id: entry.key for entry in row.entries}
        notes = [
            Note("commented", keys.get(each.block_id, ""), each.who, told.get(name, ""), each.text,
                 f"{key}@{name}.{hashlib.sha256(each.text.encode()).hexdigest()[:12]}")
            for name, each in new.items()
        ]  # fmt: skip
        if notes:
            self._store.told(row, {name: each.text for name, each in new.items()}, notes)
        return len(notes)

    def overhear(self, keys: Sequence[str]) -> int:
        """Listen to pages that did not change: to all of them, or to as much as the budget allows; returns how much was new."""
        if not self._workspace.is_polled:
            return sum(self.listen(key) for key in keys)
        found, left = 0, self._most
        for key, at, places in self._rotation(sorted(keys)):
            asked = places[at : at + left]
            found += self.listen(key, asked)
            left -= len(asked)
            self._store.keep(_PLACE, {"page": key, "at": at + len(asked)})
            if left <= 0:
                break
        return found

    def _rotation(self, keys: Sequence[str]) -> Iterator[tuple[str, int, list[str]]]:
        """Pages with their places, from where the last synchronisation stopped, once around: key, first place, places."""
        last = self._store.place(_PLACE)
        behind = [key for key in keys if key > str(last.get("page", ""))]
        stopped = [key for key in keys if key == last.get("page")]
        for key, is_first in [*((key, True) for key in stopped), *((key, False) for key in (*behind, *keys[: len(keys) - len(behind)]))]:
            row = self._store.page(key)
            places = ["", *(each.id for each in row.known)] if row is not None else []
            at = int(last["at"]) if is_first else 0
            if at < len(places):
                yield key, at, places
