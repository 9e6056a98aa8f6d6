"""What a day's plan asks of people: one order a goal or event, one for the brief, each once a day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.world import World
from eco_assets.ledger import Ledger
from eco_assets.mcp.mega.carry import BRIEF, carry_out, plan_orders
from eco_assets.mcp.mega.goals import load_templates
from eco_assets.mcp.mega.models import Goal, GoalPlan, Plan

DAY = "2026-10-31"
EVENTS = {
    "parada_de_maquina": "mega.resposta_a_incidente",
    "falha_de_fornecedor": "mega.resposta_a_incidente",
    "estouro_de_orcamento": "mega.guarda_de_orcamento",
}


def plan(*goals: Goal) -> Plan:
    answered = tuple(GoalPlan(goal=goal, indicator=None, tasks=(), budget_tokens=0, tokens_spent=0) for goal in goals)
    return Plan(as_of=DAY, goals=answered, rules_version="1.1.0")


def goal(name: str, **parameters: Any) -> Goal:
    return load_templates()[name].goal(parameters)


@pytest.fixture
def platform(tmp_path: Path) -> Any:
    @contextmanager
    def engine() -> Iterator[Engine]:
        with open_engine(
            tmp_path / "jorge" / "engine.db", WORKFLOWS, World(tmp_path / "outbox", tmp_path / "jorge" / "bookings.db")
        ) as opened:
            yield opened

    return SimpleNamespace(ledger=Ledger(tmp_path / "ledger.db"), engine=engine, outbox=tmp_path / "outbox")


@pytest.mark.parametrize("name", sorted(load_templates()))
def test_every_goal_and_event_has_a_workflow_of_the_mega_agent(name: str) -> None:
    workflow = load_templates()[name].workflow

    assert workflow == EVENTS.get(name, "mega.dividir_meta")
    assert workflow in WORKFLOWS


def test_every_order_of_a_plan_can_be_read_by_its_workflow() -> None:
    orders = plan_orders(plan(goal("evitar_paradas"), goal("parada_de_maquina", maquina="pump_1")))

    assert [order["workflow"] for order in orders] == ["mega.dividir_meta", "mega.resposta_a_incidente", BRIEF]
    assert [WORKFLOWS[order["workflow"]].read(order).subject for order in orders] == [
        "evitar_paradas",
        "parada_de_maquina/maquina=pump_1",
        "resumo",
    ]


def test_a_plan_is_carried_out_once_and_what_is_new_in_a_later_one_is_added(platform: Any) -> None:
    first = carry_out(platform, plan(goal("evitar_paradas")))
    messages = sorted(platform.outbox.glob("*/*.json"))
    again = carry_out(platform, plan(goal("evitar_paradas")))

    assert {record["outcome"] for record in first} == {"completed"}
    assert again == first
    assert sorted(platform.outbox.glob("*/*.json")) == messages

    more = carry_out(platform, plan(goal("evitar_paradas"), goal("estouro_de_orcamento", orcamento="media_brl")))
    assert sorted(record["workflow"] for record in more) == ["mega.dividir_meta", "mega.guarda_de_orcamento", "mega.resumo_do_dia"]


def test_a_day_without_goals_has_a_brief(platform: Any) -> None:
    assert [record["workflow"] for record in carry_out(platform, plan())] == [BRIEF]
