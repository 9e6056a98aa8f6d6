"""A home whose pages are in the emulated Notion, with one decision that waits, for the tests of answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedback_house import DAY, proposal

from eco_assets.feedback import publish_approvals, take_in
from eco_assets.jorge.approvals import content_hash
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.approval_pages import STATUS, approval_path
from notion_sync.testing.people import Person
from notion_sync.testing.server import TOKEN, NotionEmulator

LISTED = "Ana Souza <ana.souza@example.com>:comercial"


class Desk:
    """A home whose pages are in Notion, with one decision that waits."""

    def __init__(self, root: Path, emulator: NotionEmulator, approvers: str = LISTED) -> None:
        self.emulator = emulator
        place = {"notion_token": TOKEN, "notion_parent": emulator.root_page(), "notion_url": emulator.url, "knowledge_comment_looks": 0}
        self.platform = Platform(Settings(home=root / "home", approvers=approvers, **place))
        decision = proposal()
        self.platform.ledger.append([Entry("decision", decision["decision_id"], "comercial", DAY, decision)])
        publish_approvals(self.platform, "comercial", DAY)
        row = self.platform.knowledge.store.page(approval_path({**decision, "content_hash": content_hash(decision)}))
        assert row is not None
        assert row.ref is not None
        self.page: str = row.ref

    def lists(self, approvers: str) -> None:
        """From now on these may answer; the process begins anew."""
        self._begin_anew(approvers=approvers)

    def renames(self, who: Person, name: str) -> None:
        """What every member may do in Notion's own settings; here too the process begins anew, so nothing is remembered of the name."""
        self.emulator.store.users[who.id]["name"] = name
        self._begin_anew()

    def _begin_anew(self, **changes: str) -> None:
        self.close()
        self.platform = Platform(self.platform.settings.model_copy(update=changes))

    def close(self) -> None:
        """The process ends."""
        self.platform.knowledge.workspace._api._client.close()  # type: ignore[attr-defined]

    def hides(self, who: Person, *, is_all: bool = False) -> None:
        """The integration lacks the capability to see addresses, or users at all."""
        if is_all:
            del self.emulator.store.users[who.id]
        else:
            self.emulator.store.users[who.id]["person"] = {}

    def fills_in(self, who: Person, name: str, text: str) -> None:
        who.set(self.page, **{name: {"rich_text": [{"text": {"content": text}}]}})

    def refusals(self) -> list[str]:
        """Why answers did not count, from the ledger."""
        return [entry["why"] for entry in self.platform.ledger.list("feedback") if entry["result"] == "refused"]

    def sets(self, who: Person, status: str) -> None:
        who.set(self.page, **{STATUS: {"select": {"name": status}}})

    def turn(self) -> dict[str, int]:
        self.emulator.clock.now = datetime.now(UTC)
        self.platform.knowledge.sync()
        return dict(take_in(self.platform).results)

    def answers(self) -> list[tuple[str, str]]:
        return [(given["verdict"], given["by"]) for given in self.platform.ledger.list("approval")]

    def reads(self) -> str:
        return "\n".join(self.emulator.person("Leitor").reads(self.page))

    def block(self, words: str) -> str:
        blocks: list[Any] = [node for node in self.emulator.store.all("block") if words in str(node.data)]
        return str(blocks[0].id)
