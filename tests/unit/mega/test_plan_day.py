"""A day's plan on a real ledger: goals split and answered, events found, conflicts recorded, and a second plan adds nothing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from mega_records import DAY, decision, entry

from eco_assets.day import standing_decisions
from eco_assets.errors import NotFound
from eco_assets.ledger import Entry
from eco_assets.mcp.mega import newest_plan, plan, plan_day
from eco_assets.mcp.mega.goals import load_templates
from eco_assets.mcp.mega.models import Plan, problems
from eco_assets.mcp.mega.planner import split
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from eco_assets.settings import Settings

AS_OF = date.fromisoformat(DAY)
SEND, CALL = "agencia.campaign_targeting.enviar_email_masculino", "agencia.campaign_targeting.ligar_para_publico"
STOP, BRING_FORWARD = "industrial.alarm_response.parar_maquina", "industrial.maintenance_planning.antecipar_manutencao"


@pytest.fixture
def house(tmp_path: Path) -> Platform:
    """A home with a ledger and nothing else: no table of the lake is built."""
    return Platform(Settings(home=tmp_path / "home", data=tmp_path))


def decide(house: Platform) -> list[dict[str, Any]]:
    made = [
        decision(SEND, "email:a", 900.0, 400.0, channel="email"),
        decision(SEND, "email:b", 500.0, 300.0, channel="email"),
        decision(CALL, "telefone:c", 700.0, 360.0, channel="telefone"),
        decision("comercial.lead_next_action.agendar_contato", "lead1", 100.0, 35.0, origin="email"),
        decision("comercial.lead_next_action.nutrir", "lead2", 20.0, 2.0, origin="social"),
        decision("comercial.proposal_and_discount.proposta_padrao", "lead1", 80.0, 30.0, origin="email"),
        decision(STOP, "pump", 8000.0, 4800.0, needs=True),
        decision(BRING_FORWARD, "pump", 9000.0, 1900.0, needs=True),
    ]
    house.ledger.append(entry(each) for each in made)
    return made


def pursue(house: Platform, text: str) -> None:
    (house.settings.home / "goals.yaml").write_text(text, encoding="utf-8")


def test_a_day_is_planned_resolved_and_recorded_once(house: Platform) -> None:
    decide(house)
    made, added = plan_day(house, AS_OF)
    assert {goal.goal.id for goal in made.goals} >= {"reduzir_atrasos", "aumentar_conversao", "evitar_paradas", "parada_de_maquina"}
    event = next(goal for goal in made.goals if goal.goal.kind == "event")
    assert (event.goal.title, event.goal.source) == ("Máquina parada: pump", "event")
    lost = {(each.point, each.subject): each.rule for each in made.resolved}
    assert lost == {("maintenance_planning", "pump"): "maquina_parada", ("proposal_and_discount", "lead1"): "um_contato_por_lead"}
    assert added == 3, "two resolutions and the plan"
    assert newest_plan(house, AS_OF) == made
    head = house.ledger.head()
    again, more = plan_day(house, AS_OF)
    assert (again, more, house.ledger.head()) == (made, 0, head)
    assert [each["subject"] for each in standing_decisions(house.ledger, "industrial", DAY)] == ["pump"]
    assert "varejo/replenishment" in made.missing


def test_a_suppliers_outage_reaches_its_open_orders(house: Platform) -> None:
    made = [
        decision("varejo.seller_watch.suspender_vendedor", "s1", 900.0, 100.0, needs=True),
        decision("varejo.delivery_recovery.apressar_pedido", "o1", 30.0, 6.0, seller_id="s1"),
        decision("varejo.delivery_recovery.apressar_pedido", "o2", 30.0, 6.0, seller_id="s2"),
    ]
    house.ledger.append(entry(each) for each in made)
    planned, _ = plan_day(house, AS_OF)
    event = next(goal for goal in planned.goals if goal.goal.id == "falha_de_fornecedor")
    orders = next(result for result in event.tasks if result.task.point == "delivery_recovery")
    assert orders.proposal is not None
    assert [each.subject for each in orders.proposal.decisions] == ["o1"]
    assert "m.seller_id" in load_policies()["varejo/delivery_recovery"].query, "the feature that the filter reads"


def test_every_sub_task_is_answered_or_says_why_and_keeps_its_budget(house: Platform) -> None:
    decide(house)
    made, _ = plan_day(house, AS_OF)
    for goal in made.goals:
        assert goal.tokens_spent <= goal.budget_tokens
        assert sum(result.tokens_reserved for result in goal.tasks) <= goal.budget_tokens
        for result in goal.tasks:
            assert result.proposal is not None or result.why
            if result.proposal and result.task.constraints.max_cost_brl is not None:
                assert result.proposal.cost_brl <= result.task.constraints.max_cost_brl
    late = next(result for goal in made.goals for result in goal.tasks if result.task.point == "delivery_recovery")
    assert late.proposal is not None
    assert late.proposal.status == "not_decided"


def test_a_goal_that_cuts_a_budget_makes_the_least_campaign_give_way(house: Platform) -> None:
    made = decide(house)
    pursue(house, "goals:\n  - goal: cortar_custo_midia\n    parameters: {percentual: 0.1}\n")
    found, _ = plan_day(house, AS_OF)
    assert found.orders.capacities == {"media_brl": 954.0}, "a tenth less than the 1,060 of the day"
    campaigns = {each.subject: each.reason for each in found.resolved if each.point == "campaign_targeting"}
    assert list(campaigns) == ["email:b"], "of the three it brings the least net"
    assert "Cortar o custo de mídia em 10 %" in campaigns["email:b"]
    (goal,) = (goal for goal in found.goals if goal.goal.id == "cortar_custo_midia")
    kept = goal.tasks[0].proposal
    assert kept is not None
    assert kept.cost_brl <= 954.0
    assert made[1]["decision_id"] not in {each["decision_id"] for each in standing_decisions(house.ledger, "agencia", DAY)}


def test_a_goal_given_up_releases_what_gave_way_to_it(house: Platform) -> None:
    decide(house)
    pursue(house, "goals:\n  - goal: cortar_custo_midia\n    parameters: {percentual: 0.1}\n")
    plan_day(house, AS_OF)
    pursue(house, "goals: []\n")
    plan_day(house, AS_OF)
    assert len(standing_decisions(house.ledger, "agencia", DAY)) == 3
    pursue(house, "goals:\n  - goal: cortar_custo_midia\n    parameters: {percentual: 0.1}\n")
    back, added = plan_day(house, AS_OF)
    assert added == 2, "the same resolution a second time, and the same plan, are entries of their own"
    assert newest_plan(house, AS_OF) == back
    assert len(standing_decisions(house.ledger, "agencia", DAY)) == 2


def test_what_serves_an_active_goal_goes_before_what_is_worth_more(house: Platform) -> None:
    pursue(house, "goals:\n  - goal: reduzir_atrasos\n    parameters: {uf: SP}\n")
    late = decision("varejo.review_recovery.recuperar_cliente", "r1:o1", 60.0, 10.0, is_late=True, customer_state="SP")
    other = decision("varejo.delivery_recovery.pedir_desculpas", "o1", 90.0, 10.0, customer_state="RJ")
    house.ledger.append([entry(late), entry(other)])
    (found,) = plan_day(house, AS_OF)[0].resolved
    assert found.decision_id == other["decision_id"]
    assert "serve a um objetivo ativo" in found.reason


def test_a_plan_for_a_text_writes_nothing_and_says_what_would_change(house: Platform) -> None:
    decide(house)
    head = house.ledger.head()
    made = plan(house, "cortar custo de mídia em 10 %", AS_OF)
    assert house.ledger.head() == head
    assert {each.point for each in made.resolved} == {"campaign_targeting", "maintenance_planning", "proposal_and_discount"}
    assert made.begun == 0
    assert problems(Plan, made.model_dump(mode="json")) == ()
    unknown = plan(house, "fazer café", AS_OF)
    assert unknown.goals == ()
    assert "não sei qual é o objetivo" in str(unknown.understanding)
    assert house.ledger.head() == head


def test_a_budget_expected_to_run_out_is_an_event_and_the_days_limit_moves(house: Platform) -> None:
    days = [AS_OF.replace(day=20) - timedelta(days=n) for n in range(20)]
    for day in days:
        made = [{**decision(SEND, f"email:{n}", 20_000.0, 4700.0 + n, channel="email"), "as_of": day.isoformat()} for n in range(4)]
        for number, each in enumerate(made):
            each["decision_id"] = f"{day:%Y%m%d}{number:024x}"
        house.ledger.append(entry(each) for each in made)
    found, _ = plan_day(house, days[0])
    budget = next(each for each in found.anticipations if each.id == "budget/media_brl")
    assert budget.risk == "breach"
    assert found.orders.capacities == {"media_brl": 0.0}, "the month's budget is spent already"
    assert "estouro_de_orcamento" in {goal.goal.id for goal in found.goals}
    assert {each.rule for each in found.resolved} == {"media_brl"}
    assert len(found.resolved) == 4


def test_a_model_that_drifted_is_an_event_that_gives_nothing_precedence(house: Platform) -> None:
    made = decide(house)
    pursue(house, "goals: []\n")
    found, _ = plan_day(house, AS_OF, drifted=[("comercial_lead_conversion", "3")])
    event = next(goal for goal in found.goals if goal.goal.id == "deriva_de_modelo")
    checked = next(result for result in event.tasks if result.task.point == "lead_next_action")
    assert checked.proposal is not None
    assert {each.subject for each in checked.proposal.decisions} == {"lead1", "lead2"}
    assert not set(found.orders.serving) & {each["decision_id"] for each in made if each["agent"] == "comercial"}


def test_what_a_person_refused_takes_no_part(house: Platform) -> None:
    made = decide(house)
    stop = next(each for each in made if each["action"] == "parar_maquina")
    plan_day(house, AS_OF)
    body = {"decision_id": stop["decision_id"], "verdict": "rejected", "by": "Ana", "why": ""}
    house.ledger.append([Entry("approval", stop["decision_id"], "industrial", DAY, body)])
    found, _ = plan_day(house, AS_OF)
    assert [each["action"] for each in standing_decisions(house.ledger, "industrial", DAY)] == ["parar_maquina", "antecipar_manutencao"]
    assert "parada_de_maquina" not in {goal.goal.id for goal in found.goals}


def test_a_day_without_decisions_has_a_plan_that_says_what_is_missing(house: Platform) -> None:
    found, _ = plan_day(house, AS_OF)
    assert all(result.proposal and result.proposal.status == "not_decided" for goal in found.goals for result in goal.tasks)
    assert len(found.missing) >= 3
    assert (found.anticipations, found.resolved) == ((), ())


def test_a_day_that_was_never_planned_has_no_plan(house: Platform) -> None:
    with pytest.raises(NotFound, match="no plan of 2026-10-31"):
        newest_plan(house, AS_OF)


def test_an_agent_that_answers_wrongly_is_left_out_and_the_others_are_planned(house: Platform) -> None:
    decide(house)

    class Broken:
        def answer(self, task: dict[str, Any]) -> object:
            return {"task": task["id"], "decisions": "all of them"}

    found, _ = plan_day(house, AS_OF, agents={"agencia": Broken()})
    results = [result for goal in found.goals for result in goal.tasks]
    assert {result.task.agent for result in results if result.proposal is None} == {"agencia"}
    assert all(result.attempts[-1].outcome == "refused" for result in results if result.proposal is None)
    assert newest_plan(house, AS_OF) == found


def test_the_shares_of_a_goal_never_add_up_to_more_than_the_goal() -> None:
    for template in load_templates().values():
        parameters = {each.name: "SP" if each.type == "state" else 0.1 if each.type == "percent" else "x" for each in template.parameters}
        tasks = split(template, template.goal(parameters), AS_OF)
        assert sum(task.tokens for task in tasks) <= template.tokens
        spent = [task.constraints.max_cost_brl for task in tasks if task.constraints.max_cost_brl is not None]
        if template.money_brl is not None:
            assert sum(spent) <= template.money_brl + 0.01
