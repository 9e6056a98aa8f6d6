"""Answers in Notion: the account that sets the status answers. The emulator over HTTP, spoken to by the unmodified client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from feedback_house import DAY, proposal

from eco_assets.feedback import publish_approvals, take_in
from eco_assets.jorge.approvals import content_hash
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.approval_pages import STATUS, approval_path
from notion_sync.testing.people import Person
from notion_sync.testing.server import TOKEN, NotionEmulator
from notion_sync.testing.wire import MinuteClock
from notion_sync.workspaces.limiter import Limiter


class Desk:
    """A home whose pages are in Notion, with one decision that waits."""

    def __init__(self, root: Path, emulator: NotionEmulator) -> None:
        self.emulator = emulator
        place = {"notion_token": TOKEN, "notion_parent": emulator.root_page(), "notion_url": emulator.url}
        self.platform = Platform(Settings(home=root / "home", approvers="Ana Souza:comercial", **place))
        decision = proposal()
        self.platform.ledger.append([Entry("decision", decision["decision_id"], "comercial", DAY, decision)])
        publish_approvals(self.platform, "comercial", DAY)
        row = self.platform.knowledge.store.page(approval_path({**decision, "content_hash": content_hash(decision)}))
        assert row is not None
        assert row.ref is not None
        self.page: str = row.ref

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


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(Limiter, "take", lambda self: None)  # the budget of a minute has tests of its own
    with NotionEmulator(MinuteClock(datetime.now(UTC))) as emulator:  # the store compares its time with Notion's
        yield Desk(tmp_path, emulator)


def test_the_account_of_a_listed_person_answers(desk: Desk) -> None:
    stranger, ana = desk.emulator.person("Zé"), desk.emulator.person("Ana Souza")
    assert desk.turn() == {}
    desk.sets(stranger, "Aprovada")
    assert desk.turn() == {"refused": 1}
    assert "Zé não pode responder" in desk.reads()
    desk.sets(ana, "Proposta")
    desk.turn()
    desk.sets(ana, "Aprovada")
    assert desk.turn()["approved"] == 1
    assert desk.answers() == [("approved", "Ana Souza")]
    assert "Resposta registrada: aprovada, por Ana Souza" in desk.reads()
    assert desk.turn() == {}, "and then it is silent"


def test_an_altered_proposal_is_not_answered(desk: Desk) -> None:
    ana = desk.emulator.person("Ana Souza")
    ana.edit(desk.block("Contato recente"), "Contato antigo, mas vale.")
    desk.sets(ana, "Aprovada")
    assert desk.turn()["refused"] >= 1
    assert desk.answers() == []
    assert "Contato antigo, mas vale." in desk.reads(), "a person's words stay"


def test_comments_become_rows(desk: Desk) -> None:
    desk.emulator.person("Ana Souza").comment(desk.page, "vale a pena?")
    desk.turn()
    desk.turn()
    with desk.platform.lake.connect() as db:
        rows = db.execute("SELECT kind, who, after FROM feedback.events").fetchall()
    assert rows == [("commented", "Ana Souza", "vale a pena?")]
