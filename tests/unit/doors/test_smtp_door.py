"""E-mail through a real SMTP server: what is surely not sent is tried again, what may have been sent is not."""

from __future__ import annotations

import socket
import threading

import pytest
from door_house import LETTER, DoorHouse, Mailbox, dead_port

from eco_assets.errors import ActionRefused, ConfigError, DoorUnavailable
from eco_assets.jorge.doors.door import OutcomeUnknown, Unreached


def test_a_letter_arrives_once_a_key_in_portuguese_with_key_and_reference(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door())
    receipts = {world.send("email", "w/apologise", LETTER, kind="email") for _ in range(3)}

    (letter,) = mailbox.letters
    assert len(receipts) == 1
    assert letter["To"] == "pedido-7@clientes.example"
    assert letter["Subject"] == "Seu pedido vai atrasar: pedimos desculpas"
    assert letter["X-Eco-Key"] == "w/apologise"
    assert letter["Message-ID"] in receipts.pop()
    assert letter["Message-ID"].endswith("@empresa.com.br>")
    assert "O seu pedido pedido-7 não vai chegar" in letter.get_content()
    assert "Referência: dddddddddddd" in letter.get_content()


def test_undoing_sends_a_second_letter_in_answer_to_the_first_and_once(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door())
    world.send("email", "k", LETTER, kind="email")
    for _ in range(2):
        world.withdraw("email", "k", LETTER, kind="email")

    first, second = mailbox.letters
    assert second["In-Reply-To"] == first["Message-ID"]
    assert "desconsidere" in second.get_content()


def test_what_never_left_needs_no_second_letter(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door(port=dead_port()))
    with pytest.raises(Unreached):
        world.send("email", "k", LETTER, kind="email")

    assert world.withdraw("email", "k", LETTER, kind="email") == "nothing was sent"


def test_what_was_taken_back_and_is_done_anew_is_another_letter(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door())
    world.send("email", "k", LETTER)
    world.withdraw("email", "k", LETTER)
    world.send("email", "k", LETTER)
    world.withdraw("email", "k", LETTER)

    assert [letter["X-Eco-Key"] for letter in mailbox.letters] == ["k", "k/withdraw", "k#2", "k#2/withdraw"]


@pytest.mark.parametrize("where", ["answers", "recipient_answers"])
def test_a_4xx_is_tried_again_and_a_5xx_never(house: DoorHouse, mailbox: Mailbox, where: str) -> None:
    world = house.world(email=mailbox.door())
    getattr(mailbox, where)[:] = ["451 4.3.0 greylisted", "550 5.7.1 no such user"]
    with pytest.raises(DoorUnavailable, match="451"):
        world.send("email", "k", LETTER)
    with pytest.raises(ActionRefused, match="550"):
        world.send("email", "k", LETTER)
    world.send("email", "k", LETTER)

    assert len(mailbox.letters) == 1


def test_an_answer_lost_after_the_letter_is_in_doubt_and_never_sent_again_by_itself(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door())
    mailbox.cuts = 1
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            world.send("email", "k", LETTER)
    with pytest.raises(OutcomeUnknown, match=r"eco doors settle k sent\|lost"):
        world.withdraw("email", "k", LETTER)  # the compensation is parked for a person

    assert len(mailbox.letters) == 1
    world.journal.settle("k", "sent", "Ana")
    assert world.send("email", "k", LETTER) == "settled by Ana"
    world.withdraw("email", "k", LETTER)
    assert [letter["X-Eco-Key"] for letter in mailbox.letters] == ["k", "k/withdraw"]


def test_a_worker_that_died_after_the_letter_leaves_it_in_doubt_for_the_next(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door())
    world.journal.begin("k", "email", 1, may_repeat=False)  # what the dead worker wrote before the letter's last line
    with pytest.raises(OutcomeUnknown):
        world.send("email", "k", LETTER)

    assert mailbox.letters == []
    world.journal.settle("k", "lost", "Ana")
    world.send("email", "k", LETTER)
    assert len(mailbox.letters) == 1


def test_two_workers_at_once_send_one_letter(house: DoorHouse, mailbox: Mailbox) -> None:
    world, together, told = house.world(email=mailbox.door()), threading.Barrier(4), []

    def send() -> None:
        together.wait(60)
        try:
            told.append(world.send("email", "k", LETTER))
        except (OutcomeUnknown, DoorUnavailable) as error:
            told.append(error)

    workers = [threading.Thread(target=send) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)

    assert len(told) == 4
    assert len(mailbox.letters) == 1


def test_a_server_that_takes_connections_and_says_nothing_is_given_up(house: DoorHouse, mailbox: Mailbox) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        world = house.world(email=mailbox.door(port=silent.getsockname()[1], timeout_s=0.3))
        with pytest.raises(Unreached):
            world.send("email", "k", LETTER)


def test_without_an_address_or_a_template_nothing_is_sent_and_the_message_says_what_to_do(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door())
    with pytest.raises(ActionRefused, match="no address is known for 'fornecedor'"):
        world.send("email", "a", {**LETTER, "to": "fornecedor"})
    with pytest.raises(ConfigError, match="no template 'nao_existe'"):
        world.send("email", "b", {**LETTER, "template": "nao_existe"})
    with pytest.raises(ActionRefused, match="gives no address"):
        world.send("email", "c", {**LETTER, "subject": "a@b, c@d"})

    assert mailbox.letters == []
    assert world.send("email", "d", {**LETTER, "to": "Ana <ana@empresa.com.br>"}).startswith("e-mail <")


def test_without_tls_where_it_is_asked_for_nothing_is_said(house: DoorHouse, mailbox: Mailbox) -> None:
    world = house.world(email=mailbox.door(security="starttls"))
    with pytest.raises(ActionRefused, match="STARTTLS"):
        world.send("email", "k", LETTER)

    assert mailbox.letters == []


def test_the_test_logs_in_and_sends_nothing(house: DoorHouse, mailbox: Mailbox) -> None:
    assert "answers 250" in house.world(email=mailbox.door()).check("email")
    assert mailbox.letters == []
