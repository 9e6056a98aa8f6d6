"""The step library, doors.yaml, the breaker and the templates, each tried through a real world."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from door_house import DoorHouse

import eco_assets.jorge.agents as agents
from eco_assets.errors import ActionRefused, ConfigError, NotFound, PermanentError, RequestRefused
from eco_assets.jorge import steps
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.doors import letters
from eco_assets.jorge.doors.breaker import Breaker
from eco_assets.jorge.doors.configured import read_doors
from eco_assets.jorge.doors.door import Unreached
from eco_assets.jorge.workflow import Order, Step
from eco_assets.jorge.world import World

DECISION: dict[str, Any] = {
    "decision_id": "a" * 32,
    "agent": "varejo",
    "subject": "p1",
    "action": "remarcar",
    "workflow": "varejo.remarcar_preco",
    "as_of": "2026-10-31",
    "cost_brl": 12.5,
    "traceparent": "",
    "features": {"price_brl": 10.0, "title": "Produto"},
}
EVERY = (
    steps.message("crm", "note", kind="nota"),
    steps.email("write", "desculpas_atraso", to="cliente"),
    steps.webhook("tell", "pager", event="x", price=lambda order: order.decision["features"]["price_brl"]),
    steps.upsert("price", "erp", "prices", match={"id": "{subject}"}, values={"price_brl": 9}),
    steps.machine_command("lower", "load", value=0.6, undo_value=1.0),
    steps.task("follow", "Retomar {subject}", role="vendedor", due_days=3),
    steps.page("plan", "Plano de {subject}", path="planos/{day}-{short}", template="tarefa"),
    steps.document("report", "r/{subject}.md", template="tarefa"),
    steps.booking("slots", 5),
    steps.check("holds", lambda order: order.cost_brl > 0, "no cost"),
)


def order(step: Step, **more: Any) -> Order:
    return Order({**DECISION, **more}, f"{DECISION['decision_id']}/{step.name}")


@pytest.mark.parametrize("step", EVERY, ids=lambda step: step.name)
def test_every_kind_of_step_acts_once_in_the_outbox_and_is_undone_also_when_it_never_acted(house: DoorHouse, step: Step) -> None:
    world = house.world()
    assert step.undo is not None
    step.undo(world, order(step))
    for undone in house.outbox.glob("*/*"):
        undone.unlink()
    told = {step.do(world, order(step)) for _ in range(2)}
    sent = len([each for each in house.lying() if "withdraws" not in each])
    step.undo(world, order(step))

    assert len(told) == 1
    assert sent == (0 if step.name in ("book_slots", "holds") else 1)
    assert len([each for each in house.lying() if "withdraws" in each]) == sent
    assert world.booked("slots", "2026-10-31") == 0


def test_fields_and_functions_of_the_order_are_filled_in(house: DoorHouse) -> None:
    world = house.world()
    for step in EVERY[2:6]:
        step.do(world, order(step))
    lying = {each["door"]: each for each in house.lying()}

    assert lying["pager"]["price"] == 10.0
    assert lying["erp"]["form"]["parameters"]["id"] == "p1"
    assert (lying["tasks"]["title"], lying["tasks"]["due"]) == ("Retomar p1", "2026-11-03")


def test_a_text_that_names_a_field_the_order_lacks_fails_for_good_and_says_which(house: DoorHouse) -> None:
    step = steps.task("t", "Ligar para {nobody}", role="x")
    with pytest.raises(PermanentError, match="'nobody'"):
        step.do(house.world(), order(step))


def test_a_check_that_does_not_hold_refuses(house: DoorHouse) -> None:
    with pytest.raises(ActionRefused, match="no cost"):
        EVERY[-1].do(house.world(), order(EVERY[-1], cost_brl=0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "smtp", "host": "h", "sender": "a@b", "password": "geheim"}, "password is a secret"),
        ({"kind": "webhook", "url": "https://x", "secret": "geheim"}, "secret is a secret"),
        ({"kind": "webhook", "url": "https://x", "secret": "${S}", "headers": {"X-Api-Key": "geheim"}}, "X-Api-Key is a secret"),
        ({"kind": "sql", "url": "postgresql://me:geheim@host/db"}, "url is a secret"),
        ({"kind": "webhook", "url": "https://x", "secret": "${NOT_SET}"}, "NOT_SET, which is not set"),
        ({"kind": "pigeon"}, "doors.x"),
        ({"kind": "file", "folder": "f", "mode": 7}, "mode"),
        ({"kind": "notion", "token": "${S}"}, "data_source"),
    ],
)
def test_a_wrong_doors_file_says_what_is_wrong_and_never_the_secret(house: DoorHouse, options: dict[str, Any], said: str) -> None:
    house.world(x=options)
    with pytest.raises(ConfigError, match=said) as error:
        read_doors(house.file, {"S": "geheim"})

    assert "geheim" not in str(error.value)


def test_secrets_come_from_the_environment_and_are_not_shown(house: DoorHouse) -> None:
    house.world(x={"kind": "webhook", "url": "https://x", "secret": "${S}"})
    found = read_doors(house.file, {"S": "geheim"})

    assert "geheim" not in repr(found)


def test_a_probe_goes_alone_closes_the_breaker_or_opens_it_for_twice_as_long() -> None:
    now = [0.0]
    breaker = Breaker("x", 2, 10.0, lambda: now[0])
    for _ in range(2):
        breaker.enter()
        breaker.failed(Unreached("dead"))
    with pytest.raises(Unreached, match="10 s more"):
        breaker.enter()
    now[0] = 10.0
    breaker.enter()
    with pytest.raises(Unreached, match="until the call that tries it"):
        breaker.enter()
    breaker.failed(Unreached("still dead"))
    with pytest.raises(Unreached, match="20 s more"):
        breaker.enter()
    now[0] = 30.0
    breaker.enter()
    breaker.succeeded()
    breaker.enter()

    assert breaker.state == "closed"


def test_what_is_in_doubt_is_settled_by_key_or_its_beginning(house: DoorHouse) -> None:
    journal = house.world().journal
    for key in ("ab/x", "ac/x"):
        journal.begin(key, "email", 1, may_repeat=False)
    with pytest.raises(RequestRefused, match="2 keys"):
        journal.settle("a", "sent", "Ana")
    with pytest.raises(RequestRefused, match="no verdict"):
        journal.settle("ab", "maybe", "Ana")
    journal.settle("ab", "lost", "Ana")
    with pytest.raises(NotFound):
        journal.settle("ab", "lost", "Ana")

    assert [one.key for one in journal.begun()] == ["ac/x"]


def test_bookings_and_deliveries_may_lie_in_postgres_for_many_hosts(house: DoorHouse, postgres_url: str) -> None:
    here, there = house.world(postgres_url), World(house.root / "other", postgres_url)
    here.book("slots", "a", day="2026-10-31", quantity=3, capacity=5)
    with pytest.raises(ActionRefused, match="3 of 5 taken"):
        there.book("slots", "b", day="2026-10-31", quantity=3, capacity=5)
    there.release("a")
    there.book("slots", "b", day="2026-10-31", quantity=3, capacity=5)
    here.journal.begin("k", "email", 1, may_repeat=False)

    assert here.booked("slots", "2026-10-31") == 3
    assert [one.key for one in there.journal.begun()] == ["k"]
    here.close()
    there.close()


def named_templates() -> set[str]:
    """Every template that the workflows name: what `template=` and the second place of `email(...)` say in the files of `agents/`."""
    found = set()
    for file in Path(agents.__file__).parent.glob("*.py"):
        for call in (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)):
            told = [word.value for word in call.keywords if word.arg in ("template", "undo_template")]
            if getattr(call.func, "id", "") == "email" and len(call.args) > 1:
                told.append(call.args[1])
            found |= {value.value for value in told if isinstance(value, ast.Constant) and value.value}
    return found


def test_every_template_that_the_catalogue_names_is_there() -> None:
    assert len(WORKFLOWS) > 20
    assert len(named_templates()) > 10
    assert named_templates() | {"desconsiderar", "tarefa", "aprovacao_em_espera"} <= set(letters.names())


@pytest.mark.parametrize("name", letters.names())
def test_every_template_is_filled_in_with_what_every_order_has(name: str) -> None:
    known = {**steps.fields(Order(DECISION, "k")), "title": "Título", "decision_id": "d" * 32}
    written = letters.write(name, known)

    assert 5 < len(written.subject) < 120
    assert len(written.body) > 20
    assert not any(mark in written.subject + written.body for mark in ("{{", "{%", "None", "Undefined"))


def test_a_template_cannot_reach_the_machine() -> None:
    environment = letters._environment()
    with pytest.raises(Exception, match="unsafe"):
        environment.from_string("{{ ''.__class__.__mro__ }}").render()


def test_figures_are_written_as_people_here_write_them() -> None:
    assert (letters.brl(1234.5), letters.number(1234567), letters.percent(0.123), letters.long_day("2026-03-01")) == (
        "R$ 1.234,50",
        "1.234.567",
        "12 %",
        "1 de março de 2026",
    )


def test_the_command_lists_and_tests_the_doors(house: DoorHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from eco_assets.commands.doors import app

    house.world(files={"kind": "file", "folder": "saida"})
    monkeypatch.setenv("ECO_HOME", str(house.root))
    run = CliRunner()
    assert "files" in run.invoke(app, []).output
    assert run.invoke(app, ["test"]).exit_code == 1
    (house.root / "saida").mkdir()
    assert run.invoke(app, ["test", "files"]).exit_code == 0
