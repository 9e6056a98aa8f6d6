"""The resolution is one answer for a day's decisions, whatever their order, and keeps every rule."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from mega_records import decision, small_rules

from eco_assets.mcp.mega.resolve import HELD, SUPERSEDED, Orders, State, resolve

ACTIONS = {
    "industrial.alarm.stop": lambda key: {"subject": key},
    "industrial.alarm.inspect": lambda key: {"subject": key},
    "industrial.planning.service": lambda key: {"subject": f"plan-{key}", "machine": key},
    "varejo.reviews.voucher": lambda key: {"subject": f"review-{key}:{key}"},
    "varejo.delivery.voucher": lambda key: {"subject": f"late-{key}:{key}"},
    "agencia.campaign.send": lambda key: {"subject": f"audience-{key}"},
    "agencia.campaign.wait": lambda key: {"subject": f"audience-{key}"},
}
MONEY = st.integers(0, 400).map(float)


@st.composite
def days(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = draw(st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), st.sampled_from("abcd"), MONEY, MONEY), max_size=24))
    made = [decision(action, value=value, cost=cost, **ACTIONS[action](key)) for action, key, value, cost in rows]
    return list({each["decision_id"]: each for each in made}.values())


def through(made: list[dict[str, Any]], verdicts: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in made if each["workflow"] and each["decision_id"] not in verdicts]


def said(verdicts: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {identity: (found.verdict, found.rule, found.reason) for identity, found in verdicts.items()}


@settings(max_examples=150, deadline=None)
@given(days(), st.randoms(use_true_random=False), st.sampled_from([None, 0.0, 150.0]), st.data())
def test_any_order_gives_the_same_answer_and_no_rule_is_broken(
    made: list[dict[str, Any]], shuffle: Any, above: float | None, data: Any
) -> None:
    rules = small_rules(above)
    ids = [each["decision_id"] for each in made]
    chosen = frozenset(data.draw(st.sets(st.sampled_from(ids)))) if ids else frozenset()
    state = State(approved=frozenset(data.draw(st.sets(st.sampled_from(ids)))) if ids else frozenset())
    orders = Orders({"media": 300.0}, chosen, {"media": "cortar"})
    verdicts = resolve(made, rules, state, orders)
    again = list(made)
    shuffle.shuffle(again)
    assert said(resolve(again, rules, state, orders)) == said(verdicts)

    passed = through(made, verdicts)
    for rule in rules.exclusions:
        first, last = rule.sides[0], rule.sides[-1]
        for one in passed:
            for other in passed:
                if one is not other and first.holds(one) and last.holds(other):
                    assert first.key_of(one) != last.key_of(other), (rule.id, one, other)
    assert sum(rules.resource("media").taken_by(each) for each in passed) <= 300.0
    assert sum(rules.resource("hours").taken_by(each) for each in passed) <= 10
    for identity, found in verdicts.items():
        rivals = [verdicts.get(other) for other in found.by]
        assert all(rival is None or rival.verdict == HELD for rival in rivals), "gives way to nothing that itself gave way"
        assert identity not in found.by


@settings(max_examples=100, deadline=None)
@given(days())
def test_once_carried_out_the_day_resolves_the_same(made: list[dict[str, Any]]) -> None:
    rules = small_rules()
    verdicts = resolve(made, rules)
    done = State(committed=frozenset(each["decision_id"] for each in through(made, verdicts)))
    assert resolve(made, rules, done).keys() == verdicts.keys()


@settings(max_examples=60, deadline=None)
@given(days())
def test_what_is_safe_goes_through_before_anything_of_more_value(made: list[dict[str, Any]]) -> None:
    verdicts = resolve(made, small_rules())
    stops = [each for each in made if each["action"] == "stop"]
    if len(stops) <= 10:  # the hours hold ten
        assert not [each for each in stops if each["decision_id"] in verdicts]


def test_a_stop_goes_before_a_plan_of_more_value_and_says_why() -> None:
    stop = decision("industrial.alarm.stop", "pump", value=1.0)
    plan = decision("industrial.planning.service", "p1", value=999.0, machine="pump")
    (found,) = resolve([plan, stop], small_rules()).values()
    assert (found.decision["decision_id"], found.by) == (plan["decision_id"], (stop["decision_id"],))
    assert "Segurança vem primeiro" in found.reason
    assert "máquina pump" in found.reason


def test_the_higher_net_value_wins_and_a_person_chooses_above_the_amount() -> None:
    dear, cheap = decision("industrial.alarm.inspect", "pump", 500.0), decision("industrial.planning.service", "p", 400.0, machine="pump")
    alone = resolve([dear, cheap], small_rules())
    assert {identity: found.verdict for identity, found in alone.items()} == {cheap["decision_id"]: SUPERSEDED}
    asked = resolve([dear, cheap], small_rules(approval_above_brl=300.0))
    assert {found.verdict for found in asked.values()} == {HELD}
    assert len(asked) == 2
    answered = resolve([dear, cheap], small_rules(approval_above_brl=300.0), State(approved=frozenset({cheap["decision_id"]})))
    assert {identity: found.verdict for identity, found in answered.items()} == {dear["decision_id"]: SUPERSEDED}


def test_what_was_begun_never_gives_way() -> None:
    begun, stop = decision("industrial.planning.service", "p", 1.0, machine="pump"), decision("industrial.alarm.stop", "pump", 900.0)
    (found,) = resolve([begun, stop], small_rules(), State(committed=frozenset({begun["decision_id"]}))).values()
    assert found.decision is stop
    assert "já foi iniciada" in found.reason


def test_one_voucher_an_order_across_two_points() -> None:
    late, review = decision("varejo.delivery.voucher", "x:o1", 20.0), decision("varejo.reviews.voucher", "r:o1", 30.0)
    other = decision("varejo.reviews.voucher", "r:o2", 1.0)
    assert list(resolve([late, review, other], small_rules())) == [late["decision_id"]]


def test_a_goal_makes_a_budget_smaller_and_what_serves_one_goes_first() -> None:
    best, second = decision("agencia.campaign.send", "a", 900.0, 600.0), decision("agencia.campaign.send", "b", 500.0, 400.0)
    assert resolve([best, second], small_rules()) == {}
    cut = Orders({"media": 900.0}, goals={"media": "Cortar custo"})
    (found,) = resolve([best, second], small_rules(), orders=cut).values()
    assert found.decision is second
    assert "Cortar custo" in found.reason
    serving = Orders({"media": 900.0}, frozenset({second["decision_id"]}))
    assert list(resolve([best, second], small_rules(), orders=serving)) == [best["decision_id"]]


def test_a_capacity_is_never_made_larger_by_a_goal() -> None:
    made = [decision("agencia.campaign.send", name, 900.0, 600.0) for name in "ab"]
    assert len(resolve(made, small_rules(), orders=Orders({"media": 5000.0}))) == 1
