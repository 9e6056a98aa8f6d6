"""What is coming: seven days of a capacity, the rest of a month's budget, with a band where history gives one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from mega_records import decision, small_rules

from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.workflow import Order
from eco_assets.mcp.mega.anticipate import anticipate, ordinary, taken_by_day
from eco_assets.mcp.mega.loads import Outlook, load_forecasts, outlook_of
from eco_assets.mcp.mega.models import Anticipation
from eco_assets.mcp.mega.rules import load_rules
from eco_assets.mcp.policies import load_policies

DAY = date(2026, 10, 20)
SEND = "agencia.campaign.send"


def sent(day: date, cost: float) -> dict[str, Any]:
    return {**decision(SEND, "a", 2 * cost, cost), "as_of": day.isoformat()}


def found(days: list[dict[str, Any]], load: Outlook | None = None) -> dict[str, Anticipation]:
    rules = small_rules()
    made = anticipate(rules, taken_by_day(rules, days), {"media": load} if load else {}, DAY)
    return {each.id: each for each in made}


def history(cost: float, days: int = 19) -> list[dict[str, Any]]:
    return [sent(DAY - timedelta(days=n), cost + n % 3) for n in range(days, -1, -1)]


def test_a_budget_that_lasts_is_ok_and_nothing_is_shifted() -> None:
    budget = found(history(300))["budget/media"]
    assert (budget.risk, budget.reached_on, budget.capacity) == ("ok", None, None)
    assert budget.low is not None
    assert budget.high is not None
    assert budget.low < budget.expected < budget.high < budget.limit == 20_000
    assert budget.until == "2026-10-31"


def test_a_budget_that_runs_out_names_the_day_and_shifts_to_an_even_share_of_what_is_left() -> None:
    budget = found(history(900))["budget/media"]
    before = sum(each["cost_brl"] for each in history(900) if "2026-10-01" <= each["as_of"] < DAY.isoformat())
    assert budget.risk == "breach"
    assert budget.capacity == round((20_000 - before) / 12, 2), "the twelve days from today to the 31st"
    assert budget.reached_on is not None
    assert DAY.isoformat() < budget.reached_on <= "2026-10-31"
    assert "não basta" in budget.text


def test_a_single_day_of_spending_warns_and_shifts_nothing() -> None:
    budget = found([sent(DAY, 5000)])["budget/media"]
    assert (budget.risk, budget.low, budget.capacity) == ("breach", None, None)


def test_a_heavier_load_ahead_makes_a_capacity_short_on_the_band_or_in_full() -> None:
    same = found(history(900))["capacity/media"]
    assert (same.risk, same.limit) == ("ok", 7000)
    perhaps = found(history(900), Outlook("Custo por clique", 1.05, 0.9, 1.3, "modelo"))["capacity/media"]
    assert perhaps.risk == "attention"
    surely = found(history(900), Outlook("Custo por clique", 1.4, 1.2, 1.6, "modelo"))["capacity/media"]
    assert (surely.risk, surely.reached_on) == ("breach", "2026-10-21")
    assert surely.high is not None
    assert surely.high > surely.expected > same.expected


def test_a_resource_that_nothing_was_decided_about_today_has_no_anticipation() -> None:
    assert found([sent(DAY - timedelta(days=1), 10)]) == {}


def test_an_ordinary_day_leaves_today_out_so_that_the_plan_does_not_move_with_it() -> None:
    days = {"2026-10-18": 10.0, "2026-10-19": 20.0, "2026-10-20": 9000.0, "2026-08-01": 5.0}
    assert ordinary(days, DAY) == (15.0, None, 2)
    assert ordinary({"2026-10-20": 7.0}, DAY) == (7.0, None, 1)


def test_a_day_on_which_a_point_decided_and_nobody_acted_takes_nothing() -> None:
    days = [{**decision("agencia.campaign.wait", "a", 0, 0), "as_of": DAY.isoformat()}]
    assert taken_by_day(small_rules(), days)["media"] == {DAY.isoformat(): 0.0}


@pytest.mark.parametrize("seed", range(3))
def test_an_outlook_of_a_steady_count_is_near_one_and_its_band_holds_it(seed: int) -> None:
    past = np.random.default_rng(seed).poisson(20, 200).astype(float)
    outlook = outlook_of(past, "Leads")
    assert outlook is not None
    assert outlook.low is not None
    assert outlook.high is not None
    assert outlook.low <= outlook.middle <= outlook.high
    assert 0.6 < outlook.middle < 1.6
    assert outlook_of(past, "Leads") == outlook


def test_a_count_that_repeats_by_weekday_is_told_exactly() -> None:
    outlook = outlook_of(np.tile([5.0, 9, 9, 9, 9, 2, 1], 30), "Leads")
    assert outlook is not None
    assert (outlook.middle, outlook.low, outlook.high) == (1.0, 1.0, 1.0)


def test_a_short_history_has_no_band_and_an_empty_one_no_outlook() -> None:
    short = outlook_of(np.full(30, 4.0), "Leads")
    assert short is not None
    assert (short.middle, short.low) == (1.0, None)
    assert outlook_of(np.zeros(100), "Leads") is None
    assert outlook_of(np.ones(5), "Leads") is None


def test_every_load_falls_on_a_declared_resource() -> None:
    assert {load.resource for load in load_forecasts().loads} <= {resource.id for resource in load_rules().resources}


class Asked:
    """A world that only notes what is booked of it."""

    def __init__(self) -> None:
        self.booked: dict[str, tuple[float, float]] = {}

    def book(self, resource: str, key: str, *, day: str, quantity: float, capacity: float) -> str:
        self.booked[resource] = (quantity, capacity)
        return resource


def test_the_resources_are_those_that_the_workflows_book_with_their_capacities_and_quantities() -> None:
    rules, wrong = load_rules(), []
    known = {resource.id: resource for resource in rules.resources}
    for policy in load_policies().values():
        for action in policy.actions:
            if action.workflow is None:
                continue
            made = {**decision(f"{policy.agent}.{policy.point}.{action.name}", "s:t", 900.0, 77.0), "workflow": action.workflow}
            world = Asked()
            for step in WORKFLOWS[action.workflow].steps:
                if step.name.startswith("book_"):
                    step.do(world, Order(made, "key"))  # type: ignore[arg-type]
            taken = {name: (each.taken_by(made), each.capacity) for name, each in known.items() if each.taken_by(made)}
            if taken != world.booked:
                wrong.append(f"{policy.name}.{action.name}: books {world.booked}, rules.yaml says {taken}")
    assert wrong == []
