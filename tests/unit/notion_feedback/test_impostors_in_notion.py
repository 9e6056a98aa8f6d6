"""Nobody becomes an approver by what they call themselves: accounts are known by address and user id, and integrations are no people."""

from __future__ import annotations

import pytest
from notion_desk import Desk

from eco_assets.jorge.accounts import Account, account_in
from eco_assets.jorge.approvers import Approver, Approvers
from eco_assets.platform import Platform
from notion_sync.approval_pages import BY, EARNED

ANA, ADDRESS = "Ana Souza", "ana.souza@example.com"
ID, OTHER = "1a2b3c4d-0000-4000-8000-000000000001", "1a2b3c4d-0000-4000-8000-000000000002"


@pytest.mark.parametrize(
    "name",
    [
        ANA,
        f"{ANA} <{ADDRESS}>",
        ADDRESS,
        f"<{ADDRESS}>",
        f"{ANA} <{ADDRESS}> [notion:{ID}]",
        f"[notion:{ID}]",
        f"＜{ADDRESS}＞",
        "Ana\nSouza",
    ],
)
def test_who_takes_an_approver_s_name_is_refused_and_that_is_recorded(desk: Desk, name: str) -> None:
    impostor = desk.emulator.person("Zé")
    desk.renames(impostor, name)
    desk.fills_in(impostor, BY, f"{ANA} <{ADDRESS}>")
    desk.sets(impostor, "Aprovada")
    assert desk.turn()["refused"] >= 1
    assert desk.answers() == []
    assert all("is not listed in ECO_APPROVERS" in why and impostor.id in why for why in desk.refusals())
    assert "não pode responder por esta decisão" in desk.reads()
    real = desk.emulator.person(ANA)
    desk.sets(real, "Proposta")
    desk.turn()
    desk.sets(real, "Aprovada")
    assert desk.turn()["approved"] == 1
    assert desk.answers() == [("approved", ANA)]
    assert {entry["who"] for entry in desk.platform.ledger.list("feedback") if entry["result"] == "approved"} == {
        f"{ANA} [notion:{real.id}]"
    }


def test_the_real_approver_counts_under_any_name(desk: Desk) -> None:
    ana = desk.emulator.person(ANA)
    desk.renames(ana, "Aninha 🌻")
    desk.sets(ana, "Rejeitada")
    assert desk.turn()["rejected"] == 1
    assert desk.answers() == [("rejected", ANA)]


@pytest.mark.parametrize("is_all", [False, True])
def test_a_person_whose_address_is_not_visible_is_listed_by_user_id(desk: Desk, is_all: bool) -> None:
    ana, other = desk.emulator.person(ANA), desk.emulator.person(ANA)
    desk.hides(ana, is_all=is_all)
    desk.hides(other, is_all=is_all)
    desk.sets(ana, "Aprovada")
    assert desk.turn()["refused"] == 1, "without an address her account is nobody's"
    assert f"notion:{ana.id}" in desk.reads(), "and the page says what to list"
    desk.lists(f"{ANA} <{ADDRESS} notion:{ana.id.replace('-', '').upper()}>:comercial")
    desk.sets(other, "Proposta")
    desk.turn()
    desk.sets(other, "Aprovada")
    assert desk.turn()["refused"] == 1
    desk.sets(ana, "Proposta")
    desk.turn()
    desk.sets(ana, "Aprovada")
    assert desk.turn()["approved"] == 1
    assert desk.answers() == [("approved", ANA)]


def test_a_list_of_names_alone_lets_nobody_answer_in_notion(desk: Desk) -> None:
    desk.lists(f"{ANA}:comercial")
    desk.sets(desk.emulator.person(ANA), "Aprovada")
    assert desk.turn() == {"refused": 1}
    assert desk.answers() == []


def test_an_integration_s_edit_is_never_an_answer(desk: Desk) -> None:
    bot = desk.emulator.person(ANA)
    desk.emulator.store.users[bot.id] |= {"type": "bot", "person": {"email": ADDRESS}, "bot": {}}
    desk.lists(f"{ANA} <{ADDRESS} notion:{bot.id}>:comercial")
    desk.sets(bot, "Aprovada")
    assert desk.turn() == {"refused": 1}
    assert desk.answers() == []
    assert desk.refusals() == [f"{ANA} (conta notion-bot:{bot.id}) is no person"]
    assert "só pessoas respondem" in desk.reads()


def test_our_own_last_edit_hides_who_answered_so_nobody_did(desk: Desk) -> None:
    """A stranger sets the status and writes an approver's name; the machine writes on the page before anybody looks."""
    stranger = desk.emulator.person("Zé")
    desk.fills_in(stranger, BY, f"{ANA} <{ADDRESS}>")
    desk.sets(stranger, "Aprovada")
    knowledge = desk.platform.knowledge
    me = str(knowledge.workspace._api.ask("GET", "users/me")["id"])  # type: ignore[attr-defined]
    desk.emulator.store.nodes[desk.page].edited_by = me
    assert desk.turn()["refused"] >= 1
    assert desk.answers() == []
    assert set(desk.refusals()) == {"the account is not known"}
    assert "não se sabe que conta respondeu" in desk.reads()


def test_an_outcome_counts_from_a_listed_account_only(desk: Desk) -> None:
    ana, impostor = desk.emulator.person(ANA), desk.emulator.person("Zé")
    desk.sets(ana, "Aprovada")
    assert desk.turn()["approved"] == 1
    desk.renames(impostor, f"{ANA} <{ADDRESS}>")
    desk.fills_in(impostor, EARNED, "1.000.000,00")
    assert desk.turn() == {"refused": 1}
    desk.fills_in(ana, EARNED, "50,00")
    assert desk.turn() == {"outcome": 1}
    assert [entry["reward_brl"] for entry in desk.platform.ledger.list("outcome")] == [50.0]


@pytest.mark.parametrize("name", ["", ANA, f"a <b@c.d> [notion:{OTHER}]", "[notion-bot:x]", "x>", " <", "ана", "＜a@b＞"])
@pytest.mark.parametrize("email", ["", ADDRESS, f"x> [notion:{OTHER}]", "a b@c"])
@pytest.mark.parametrize("is_bot", [False, True])
def test_a_line_gives_back_the_account_whatever_its_owner_writes(name: str, email: str, is_bot: bool) -> None:
    found = account_in(str(Account(ID, name, email, is_bot)))
    assert found is not None
    assert (found.id, found.is_bot) == (ID, is_bot)
    assert found.email == (email if email == ADDRESS and not is_bot else "")


def test_what_somebody_types_is_no_account() -> None:
    for typed in ("", ANA, f"{ANA} <{ADDRESS}>", "[notion:x]", f"[notion:{ID}] x"):
        assert account_in(typed) is None


def test_only_people_s_accounts_are_owned() -> None:
    ana = Approver(name=ANA, email=ADDRESS.upper(), notion=f"notion:{ID.upper()}")
    assert ana.owns(Account(OTHER, "Zé", ADDRESS))
    assert ana.owns(Account(ID, "Zé"))
    assert not ana.owns(Account(OTHER, ANA))
    assert not ana.owns(Account(ID, ANA, ADDRESS, is_bot=True))
    assert not Approver(name=ANA).owns(Account(ID, ANA)), "an empty address and an empty id are nobody's"
    assert Approvers((ana,)).admit(str(Account(ID)), {"agent": "varejo"}) == ANA


def test_how_an_entry_is_written(desk: Desk) -> None:
    from eco_assets.errors import ConfigError
    from eco_assets.jorge.approvers import approvers

    def listed(text: str) -> Approvers:
        return approvers(Platform(desk.platform.settings.model_copy(update={"approvers": text})).settings)

    (both, known, named) = listed(f"Ana <a@b.c notion:{ID}>:varejo, Rui <notion:{OTHER.replace('-', '')}>, Bia").people
    assert [(p.name, p.email, p.notion) for p in (both, known, named)] == [("Ana", "a@b.c", ID), ("Rui", "", OTHER), ("Bia", "", "")]
    for wrong in (
        f"Ana <notion:{ID} notion:{OTHER}>",
        "Ana <notion:x>",
        "Ana <x>",
        f"Ana <notion:{ID}>, Rui <notion:{ID}>",
        "Ana <a@b c@d>",
    ):
        with pytest.raises(ConfigError, match=r"ECO_APPROVERS"):
            listed(wrong)
