"""Files in a folder that others read, and the outbox of what nobody is configured for, each message in its final form."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from door_house import EVENT, LETTER, DoorHouse

from eco_assets.errors import ActionRefused, PermanentError
from eco_assets.jorge.doors.door import Unreached
from eco_assets.jorge.world import World

REPORT = {**LETTER, "file": "relatorios/{}.md", "template": "tarefa", "title": "Relatório"}


def report(name: str) -> dict[str, object]:
    return {**REPORT, "file": name}


def test_a_file_is_written_whole_once_a_key_and_removed_when_undone(house: DoorHouse) -> None:
    world = house.world(files={"kind": "file", "folder": "saida"})
    with pytest.raises(Unreached, match="is not there"):
        world.send("files", "k", report("a/b.md"))
    (house.root / "saida").mkdir()
    for _ in range(2):
        world.send("files", "k", report("a/b.md"))
    path = house.root / "saida" / "a" / "b.md"

    assert path.read_text(encoding="utf-8").startswith("# Relatório\n")
    assert [each.name for each in path.parent.iterdir()] == ["b.md"]
    world.withdraw("files", "k", report("a/b.md"))
    assert not path.exists()


def test_what_is_of_somebody_else_is_neither_overwritten_nor_removed(house: DoorHouse) -> None:
    world = house.world(files={"kind": "file", "folder": "saida"})
    (house.root / "saida").mkdir()
    (house.root / "saida" / "b.md").write_text("de outra pessoa", encoding="utf-8")
    with pytest.raises(ActionRefused, match="somebody else"):
        world.send("files", "k", report("b.md"))

    assert world.withdraw("files", "k", report("b.md")) == "nothing was sent"
    assert (house.root / "saida" / "b.md").read_text(encoding="utf-8") == "de outra pessoa"


@pytest.mark.parametrize("name", ["../x.md", "/etc/x", "a/../../x", ".hidden", "a/.b/c", "a\\b"])
def test_a_name_cannot_leave_the_folder(house: DoorHouse, name: str) -> None:
    (house.root / "saida").mkdir()
    with pytest.raises(ActionRefused, match="no name of a file"):
        house.world(files={"kind": "file", "folder": "saida"}).send("files", "k", report(name))


class TestOutbox:
    """Without configuration."""

    @pytest.fixture
    def world(self, house: DoorHouse) -> World:
        return house.world()

    def test_it_says_that_nothing_is_configured(self, world: World) -> None:
        assert "na caixa de saída, nada configurado" in world.send("email", "k", LETTER, kind="email")
        assert world.doors() == []

    def test_an_email_lies_there_as_a_letter_that_a_mail_program_opens(self, house: DoorHouse, world: World) -> None:
        for _ in range(2):
            world.send("email", "k", LETTER, kind="email")
        world.withdraw("email", "k", LETTER, kind="email")

        letters = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in (house.outbox / "email").glob("*.eml")]
        assert sorted(letter["X-Eco-Key"] for letter in letters) == ["k", "k/withdraw"]
        assert all(letter["To"].addresses[0].domain == "sem-endereco.invalid" for letter in letters)
        assert any("não vai chegar" in letter.get_content() for letter in letters)

    def test_a_webhook_lies_there_with_headers_and_body(self, house: DoorHouse, world: World) -> None:
        world.send("pager", "k", EVENT, kind="webhook")

        (lying,) = house.lying()
        assert lying["form"]["headers"]["Idempotency-Key"] == "k"
        assert lying["form"]["body"] == {**EVENT, "key": "k"}

    def test_a_row_lies_there_as_statement_and_parameters(self, house: DoorHouse, world: World) -> None:
        world.send("erp", "k", {"table": "prices", "match": {"id": "p1"}, "values": {"price_brl": 9.5}}, kind="sql")

        (lying,) = house.lying()
        statement = (
            "INSERT INTO prices (id, price_brl) VALUES (:id, :price_brl) ON CONFLICT (id) DO UPDATE SET price_brl = excluded.price_brl"
        )
        assert lying["form"] == {"statement": statement, "parameters": {"id": "p1", "price_brl": 9.5}}

    def test_a_command_lies_there_with_its_topic(self, house: DoorHouse, world: World) -> None:
        world.send("machine", "k", {"subject": "m/1", "command": "stop", "undo_value": None}, kind="mqtt")

        assert house.lying()[0]["form"] == {
            "topic": "eco/m_1/commands",
            "qos": 1,
            "payload": {"command": "stop", "key": "k", "subject": "m/1"},
        }

    def test_a_task_lies_there_as_a_page_without_personal_data(self, house: DoorHouse, world: World) -> None:
        world.send("tasks", "k", {**REPORT, "title": "Ligar para ana@x.com.br", "due": "2026-11-02", "role": "sdr"}, kind="notion")

        (page,) = (house.outbox / "tasks").glob("*.md")
        assert "Prazo: " in page.read_text(encoding="utf-8")
        assert "ana@" not in page.read_text(encoding="utf-8")

    def test_what_was_taken_back_and_is_done_anew_lies_there_as_another(self, house: DoorHouse, world: World) -> None:
        for _ in range(2):
            world.send("crm", "k", {"n": 1})
            world.withdraw("crm", "k")

        assert sorted(each["key"] for each in house.lying() if "withdraws" not in each) == ["k", "k#2"]
        assert sorted(each["withdraws"] for each in house.lying() if "withdraws" in each) == ["k", "k#2"]

    def test_a_message_that_cannot_be_put_into_its_form_is_refused(self, house: DoorHouse, world: World) -> None:
        with pytest.raises(PermanentError, match="no template 'x'"):
            world.send("email", "k", {**LETTER, "template": "x"}, kind="email")
        with pytest.raises(ActionRefused, match="no door's name"):
            world.send("../x", "k", {})

        assert house.lying() == []
