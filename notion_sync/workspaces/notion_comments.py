"""What is said beside the pages in Notion: people's comments, and what the machine suggests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from notion_sync.documents.markdown_writer import write_blocks
from notion_sync.documents.notion_limits import cut
from notion_sync.documents.notion_reader import plain_text
from notion_sync.sync.merge import Suggest
from notion_sync.workspaces.protocol import Comment
from notion_sync.workspaces.transport import CHANGED_MEANWHILE, NotionRefused, Transport

LONGEST = 1_900
"""UTF-16 units of a suggestion; what is longer is in the conflict's record."""


class Talk:
    """Comments.

    Args:
        transport: asks Notion. who: the name of an account, "" for our own.

    Attributes:
        discussed: blocks that were found to be discussed by people, until it is cleared.
    """

    def __init__(self, transport: Transport, who: Callable[[Mapping[str, Any]], str]) -> None:
        self._api, self._who = transport, who
        self.discussed: set[str] = set()

    def comments(self, ref: str, only: Sequence[str] | None = None) -> Sequence[Comment]:
        """See `Workspace.comments`."""
        if only is not None:
            return [comment for place in only for comment in self._about(place or ref)]
        try:
            blocks = [str(each["id"]) for each in self._api.listed("GET", f"blocks/{ref}/children")]
        except NotionRefused as error:
            if error.status not in CHANGED_MEANWHILE:
                raise
            return []  # the access was taken away just now: the next look at the page tells
        return [*self._about(ref), *(comment for block in blocks for comment in self._about(block))]

    def is_about(self, block_id: str) -> bool:
        """Whether people's comments would go with a block; it is noted."""
        is_so = any(not each.is_ours for each in self._about(block_id))
        self.discussed |= {block_id} if is_so else set()
        return is_so

    def suggest(self, suggestion: Suggest) -> None:
        """Say the machine's version, once."""
        text = next(cut(f"Sugestão do Eco:\n{write_blocks([suggestion.block])}", LONGEST))
        if any(each.is_ours and each.text == text for each in self._about(suggestion.block_id)):
            return
        try:
            said = {"parent": {"block_id": suggestion.block_id}, "rich_text": [{"text": {"content": text}}]}
            self._api.ask("POST", "comments", said)
        except NotionRefused as error:
            if error.status not in (403, 404):  # the capability is off by default: the conflict's record says it all the same
                raise

    def _about(self, target: str) -> list[Comment]:
        try:
            found = list(self._api.listed("GET", "comments", block_id=target))
        except NotionRefused as error:
            if error.status in (403, 404):
                return []
            raise
        return [
            Comment(
                str(each["id"]), plain_text(each["rich_text"]), target, self._who(each["created_by"]), not self._who(each["created_by"])
            )
            for each in found
        ]
