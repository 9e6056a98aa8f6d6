"""From the page to the ledger, over real workspaces: people answer, alter, comment, and what counts is what the page says it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from feedback_house import DAY, proposal

from eco_assets.feedback import publish_approvals, take_in
from eco_assets.jorge.approvals import content_hash
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from notion_sync.approval_pages import approval_path
from notion_sync.documents.markdown_reader import read_markdown


@dataclass
class Home:
    """An installation with one decision that waits, and a person at its page."""

    platform: Platform
    decision: dict[str, object] = field(default_factory=proposal)

    def __post_init__(self) -> None:
        identity = str(self.decision["decision_id"])
        self.platform.ledger.append([Entry("decision", identity, "comercial", DAY, self.decision)])
        self.path = approval_path({**self.decision, "content_hash": content_hash(self.decision)})
        publish_approvals(self.platform, "comercial", DAY)

    @property
    def file(self) -> Path:
        return self.platform.settings.knowledge / self.path

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def person(self, *changes: tuple[str, str]) -> None:
        """Somebody edits the file."""
        text = self.text
        for before, after in changes:
            assert before in text, f"{before!r} is not on the page:\n{text}"
            text = text.replace(before, after, 1)
        self.file.write_text(text, encoding="utf-8")

    def turn(self) -> dict[str, int]:
        """A synchronisation, and what was said taken in; returns the number of events by what came of them."""
        self.platform.knowledge.sync()
        return dict(take_in(self.platform).results)

    def answers(self) -> list[tuple[str, str]]:
        return [(given["verdict"], given["by"]) for given in self.platform.ledger.list("approval")]

    def property(self, name: str) -> object:
        return read_markdown(self.text).properties[name]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Platform(Settings(home=tmp_path / "home", approvers="Ana Souza <ana@empresa.com.br>:comercial")))


YES, ANA = ("Situação: Proposta", "Situação: Aprovada"), ("Respondido por: ''", "Respondido por: Ana Souza")


def test_a_person_approves_in_the_front_matter(home: Home) -> None:
    assert home.turn() == {}
    home.person(YES, ANA, ("Motivo: ''", "Motivo: Cliente antigo."))
    assert home.turn()["approved"] == 1
    assert home.answers() == [("approved", "Ana Souza")]
    assert home.platform.ledger.list("approval")[0]["why"] == "Cliente antigo."
    assert "Resposta registrada: aprovada, por Ana Souza" in home.text
    assert (home.property("Situação"), home.property("registro")) == ("Aprovada", "aprovada")
    assert home.turn() == {}, "and then it is silent"


def test_what_was_not_accepted_is_told_on_the_page_and_can_be_put_right(home: Home) -> None:
    home.person(YES)
    assert home.turn() == {"refused": 1}
    assert "A última resposta não foi aceita: falta dizer quem responde" in home.text
    home.person(("Respondido por: ''", "Respondido por: Zé"))
    assert home.turn() == {"refused": 1}
    assert "Zé não pode responder" in home.text
    home.person(("Respondido por: Zé", "Respondido por: ana@empresa.com.br"))
    assert home.turn()["approved"] == 1
    assert home.answers() == [("approved", "Ana Souza")]


def test_who_alters_the_proposal_approves_nothing(home: Home) -> None:
    altered = ("Contato recente de boa origem.", "Contato antigo.")
    home.person(altered, YES, ANA)
    assert home.turn()["refused"] >= 1
    assert home.answers() == []
    assert "o texto da página foi alterado" in home.text
    assert "Contato antigo." in home.text, "a person's words stay"
    home.person((altered[1], altered[0]))
    home.turn()
    assert home.answers() == [], "whoever answered saw the other text"
    home.person(("Situação: Aprovada", "Situação: Proposta"))
    home.turn()
    home.person(YES)
    assert home.turn()["approved"] == 1


def test_what_is_added_to_the_page_harms_nothing(home: Home) -> None:
    home.file.write_text(home.text + "\nFalei com o cliente.\n", encoding="utf-8")
    home.turn()
    home.person(YES, ANA)
    assert home.turn()["approved"] == 1
    assert "Falei com o cliente." in home.text


def test_the_machine_s_properties_cannot_be_used_to_approve_something_else(home: Home) -> None:
    home.person((f"decisao: {home.decision['decision_id']}", f"decisao: {'0' * 32}"), YES, ANA)
    home.turn()
    assert home.property("decisao") == home.decision["decision_id"]
    assert [decision for _, decision in home.answers()] in ([], ["Ana Souza"])
    assert {given["decision_id"] for given in home.platform.ledger.list("approval")} <= {home.decision["decision_id"]}


def test_a_rejection_and_what_a_decision_earned_become_outcomes(home: Home) -> None:
    home.person(("Situação: Proposta", "Situação: Rejeitada"), ANA)
    assert home.turn()["rejected"] == 1
    home.person(("Resultado (R$): ''", "Resultado (R$): 12,50"))
    assert home.turn()["outcome"] == 1
    assert [entry["reward_brl"] for entry in home.platform.ledger.list("outcome")] == [0.0, 12.5]


def test_comments_are_events_once(home: Home) -> None:
    home.platform.knowledge.sync()
    home.file.with_suffix(".comentarios.jsonl").write_text("Ana Souza: vale a pena?\n", encoding="utf-8")
    home.person(("Motivo: ''", "Motivo: a ver"))
    home.turn()
    home.turn()
    with home.platform.lake.connect() as db:
        rows = db.execute("SELECT kind, who, after FROM feedback.events ORDER BY seq").fetchall()
    assert rows.count(("commented", "Ana Souza", "vale a pena?")) == 1
    assert len(rows) == 2


Crash = Callable[[], None]


def test_every_death_between_reading_and_committing_is_made_good(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies after each transaction of the store, the ledger and the lake in turn; the answer counts once."""
    from eco_assets.lake import Lake
    from eco_assets.ledger import Ledger
    from notion_sync.sync.store import Store

    class Killed(BaseException):
        pass

    home.person(YES, ANA)
    deaths, at = 0, 0
    while at < 60:
        at += 1
        calls: Iterator[int] = iter(range(1, 1_000))

        def dying(whole: Callable[..., object], calls: Iterator[int] = calls, at: int = at) -> Callable[..., object]:
            def call(*arguments: object, **named: object) -> object:
                done = whole(*arguments, **named)
                if next(calls) == at:
                    raise Killed
                return done

            return call

        with monkeypatch.context() as dangerous:
            for owner, name in ((Store, "commit"), (Store, "save"), (Store, "intend"), (Ledger, "append"), (Lake, "commit")):
                dangerous.setattr(owner, name, dying(getattr(owner, name)))
            try:
                home.turn()
            except Killed:
                deaths += 1
                continue
        break
    assert deaths >= 3
    assert home.turn() == {}
    assert home.answers() == [("approved", "Ana Souza")]
    assert "Resposta registrada: aprovada, por Ana Souza" in home.text
    with home.platform.lake.connect() as db:
        rows, events = db.execute("SELECT count(*), count(DISTINCT event_id) FROM feedback.events").fetchone() or (0, 1)
    assert rows == events == len(home.platform.ledger.list("feedback"))
