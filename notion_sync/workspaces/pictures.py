"""Pictures in Notion: uploaded once for each content that is to be written."""

from __future__ import annotations

from collections.abc import Mapping

from notion_sync.sync.store import Store
from notion_sync.workspaces.transport import Transport


class Pictures:
    """Uploads pictures."""

    def __init__(self, transport: Transport, store: Store) -> None:
        self._api, self._store = transport, store

    def uploaded(self, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Upload pictures; file name → id of its upload. An upload that nothing refers to is dropped by Notion after an hour."""
        return {name: self._upload(name, content) for name, content in pictures.items()}

    def _upload(self, name: str, content: bytes) -> str:
        made = self._api.ask("POST", "file_uploads", {"mode": "single_part", "filename": name, "content_type": "image/png"})
        self._api.send(f"file_uploads/{made['id']}/send", name, content)
        return str(made["id"])
