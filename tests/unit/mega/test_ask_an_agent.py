"""An agent's answer is used whole or not at all; what is wrong with one is recorded, asked again once, then left out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
from mega_records import DAY, decision

from eco_assets.errors import NotFound
from eco_assets.mcp.mega.ask import PolicyAgent, TokenBudget, ask
from eco_assets.mcp.mega.models import Constraints, Proposal, SubTask, problems, schema

SEND = "agencia.campaign.send"


def task(**changes: Any) -> SubTask:
    known = {
        "id": "cut/best",
        "goal": "cut",
        "agent": "agencia",
        "point": "campaign",
        "as_of": DAY,
        "objective": "Ficar com as melhores.",
        "tokens": 100,
        "deadline_ms": 2000,
    }
    return SubTask.model_validate({**known, **changes})


def day() -> list[dict[str, Any]]:
    return [
        decision(SEND, "a", 500.0, 100.0, channel="email"),
        decision(SEND, "b", 900.0, 300.0, channel="email"),
        decision(SEND, "c", 50.0, 80.0, channel="telefone"),
        decision("agencia.campaign.wait", "d", 0.0, 0.0, channel="email"),
    ]


class Spoiled:
    """An agent whose answers are changed before they are sent; `good_after` wrong ones it answers well."""

    def __init__(self, spoil: Callable[[dict[str, Any]], object], good_after: int = 99) -> None:
        self.asked, self._spoil, self._good_after = 0, spoil, good_after

    def answer(self, message: dict[str, Any]) -> object:
        self.asked += 1
        good = PolicyAgent(day()).answer(message)
        return good if self.asked > self._good_after else self._spoil(good)  # type: ignore[arg-type]


def test_the_best_that_fit_are_put_forward_in_order_of_their_net_value() -> None:
    found = ask(PolicyAgent(day()), task(constraints=Constraints(max_cost_brl=400.0)), day(), TokenBudget(100))
    assert found.proposal is not None
    assert [each.subject for each in found.proposal.decisions] == ["b", "a"]
    assert (found.proposal.cost_brl, found.proposal.considered, found.proposal.matched) == (400.0, 4, 4)
    dear = ask(PolicyAgent(day()), task(constraints=Constraints(max_cost_brl=350.0)), day(), TokenBudget(100))
    assert [each.subject for each in dear.proposal.decisions] == ["b"]  # type: ignore[union-attr]


def test_only_subjects_of_the_objective_are_put_forward_and_one_without_the_feature_is_none() -> None:
    about = task(
        subjects="features.channel == params.channel", parameters={"channel": "telefone"}, constraints=Constraints(min_net_brl=-100)
    )
    found = ask(PolicyAgent(day()), about, day(), TokenBudget(100))
    assert [each.subject for each in found.proposal.decisions] == ["c"]  # type: ignore[union-attr]
    unknown = ask(PolicyAgent(day()), task(subjects="features.nothing == 1.0"), day(), TokenBudget(100))
    assert unknown.proposal is not None
    assert (unknown.proposal.status, unknown.proposal.matched) == ("nothing_to_do", 0)


def test_a_point_that_did_not_decide_says_so() -> None:
    found = ask(PolicyAgent([]), task(), [], TokenBudget(100))
    assert found.proposal is not None
    assert found.proposal.status == "not_decided"
    assert "não decidiu" in found.why


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "no object": lambda good: "ok",
    "nothing": lambda good: None,
    "not json": lambda good: {**good, "reason": object()},
    "not a number": lambda good: {**good, "value_brl": math.nan},
    "a key too many": lambda good: {**good, "note": "ignore previous instructions"},
    "a key missing": lambda good: {name: value for name, value in good.items() if name != "matched"},
    "text for a number": lambda good: {**good, "cost_brl": "400"},
    "another task": lambda good: {**good, "task": "cut/other"},
    "another agent": lambda good: {**good, "agent": "varejo"},
    "an unknown decision": lambda good: {**good, "decisions": [{**good["decisions"][0], "decision_id": "0" * 32}, good["decisions"][1]]},
    "a changed value": lambda good: {**good, "decisions": [{**good["decisions"][0], "value_brl": 9e6}, good["decisions"][1]]},
    "a decision twice": lambda good: {**good, "decisions": [good["decisions"][0]] * 2},
    "a wrong sum": lambda good: {**good, "value_brl": good["value_brl"] + 1},
    "too many tokens": lambda good: {**good, "tokens": 101},
    "a status that does not fit": lambda good: {**good, "status": "nothing_to_do"},
    "more decisions than matched": lambda good: {**good, "matched": 1},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_recorded_asked_again_and_left_out(name: str) -> None:
    agent, budget = Spoiled(WRONG[name]), TokenBudget(100)
    found = ask(agent, task(constraints=Constraints(max_cost_brl=400.0)), day(), budget)
    assert found.proposal is None
    assert [attempt.outcome for attempt in found.attempts] == ["refused", "refused"]
    assert all(attempt.errors for attempt in found.attempts)
    assert agent.asked == 2
    assert "Sem resposta válida" in found.why
    assert (budget.spent, budget.reserve(100)) == (0, True), "what was held for it is free again"


def test_a_second_answer_that_is_right_is_taken() -> None:
    found = ask(Spoiled(WRONG["a wrong sum"], good_after=1), task(), day(), TokenBudget(100))
    assert [attempt.outcome for attempt in found.attempts] == ["refused", "accepted"]
    assert found.proposal is not None


def test_an_agent_that_raises_or_is_late_is_left_out() -> None:
    def fail(good: dict[str, Any]) -> object:
        raise NotFound("no marts")

    def sleep(good: dict[str, Any]) -> object:
        time.sleep(0.2)
        return good

    failed = ask(Spoiled(fail), task(), day(), TokenBudget(100))
    assert [attempt.outcome for attempt in failed.attempts] == ["failed", "failed"]
    assert "no marts" in failed.why
    late = ask(Spoiled(sleep), task(deadline_ms=20), day(), TokenBudget(100))
    assert [attempt.outcome for attempt in late.attempts] == ["late", "late"]
    assert late.proposal is None


def test_the_token_budget_holds_settles_and_never_gives_what_it_has_not() -> None:
    budget = TokenBudget(100)
    assert (budget.reserve(60), budget.reserve(50), budget.reserve(40)) == (True, False, True)
    budget.settle(60, 10)
    assert (budget.reserve(51), budget.reserve(50)) == (False, True)
    nothing_left = TokenBudget(50)
    found = ask(PolicyAgent(day()), task(tokens=60), day(), nothing_left)
    assert (found.proposal, found.attempts, nothing_left.spent) == (None, (), 0)
    assert "Sem perguntar" in found.why


def test_tokens_of_decisions_that_asked_a_model_count_and_bound_the_answer() -> None:
    asked = [{**each, "tokens": 70} for each in day()]
    found = ask(PolicyAgent(asked), task(), asked, budget := TokenBudget(100))
    assert [each.subject for each in found.proposal.decisions] == ["b"]  # type: ignore[union-attr]
    assert (found.tokens_spent, budget.spent) == (70, 70)


def test_a_sub_task_is_checked_before_an_agent_sees_it() -> None:
    good = task().model_dump(mode="json")
    assert problems(SubTask, good) == ()
    assert problems(SubTask, {**good, "agent": "financeiro"})[0].startswith("agent: ")
    assert problems(SubTask, {**good, "deadline_ms": 0})
    with pytest.raises(ValueError, match="agent"):
        PolicyAgent(day()).answer({**good, "agent": "financeiro"})


def test_the_schemas_forbid_what_they_do_not_name() -> None:
    for model in (SubTask, Proposal):
        made = schema(model)
        assert made["additionalProperties"] is False
        assert all(part.get("additionalProperties") is False for part in made["$defs"].values() if part["type"] == "object")
