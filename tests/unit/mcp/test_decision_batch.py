"""A day's decisions: each made once, the best first, the day's limits shared by every run of the day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from policy_files import lead, policy_with

from eco_assets.errors import NotFound
from eco_assets.lake import Lake
from eco_assets.ledger import Ledger
from eco_assets.mcp.batch import decide_day, read_contexts
from eco_assets.mcp.policies import Policy

TRACE = "ab" * 16
DAY = date(2026, 10, 31)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return policy_with(tmp_path / "policies")


def actions(ledger: Ledger) -> dict[str, str]:
    return {decision["subject"]: decision["action"] for decision in ledger.list("decision")}


def test_a_second_run_of_the_day_adds_nothing_and_returns_the_same(ledger: Ledger, policy: Policy) -> None:
    contexts = [lead(f"s{number}", p=0.1 + number / 10) for number in range(5)]
    first = decide_day(ledger, policy, contexts, TRACE)
    second = decide_day(ledger, policy, reversed(contexts), "cd" * 16)

    assert (first.added, second.added) == (5, 0)
    assert {d["decision_id"]: d["action"] for d in second.decisions} == {d["decision_id"]: d["action"] for d in first.decisions}
    assert len(ledger.list("decision")) == 5


def test_the_days_limit_goes_to_the_best_paying_subjects_whatever_their_order(ledger: Ledger, policy: Policy) -> None:
    decide_day(ledger, policy, [lead(f"s{number}", p=number / 10) for number in range(10)], TRACE)

    chosen = actions(ledger)
    assert [subject for subject, action in chosen.items() if action == "big"] == ["s9", "s8"]
    assert chosen["s7"] == "small", "the budget holds two big actions, the third falls to the next best"
    assert {chosen[f"s{number}"] for number in range(7)} == {"wait"}


def test_what_was_decided_earlier_that_day_counts_against_the_limits(ledger: Ledger, policy: Policy) -> None:
    decide_day(ledger, policy, [lead("a", p=0.9), lead("b", p=0.9)], TRACE)
    decide_day(ledger, policy, [lead("c", p=0.9), lead("d", p=0.9)], TRACE)

    assert sorted(actions(ledger).values()) == ["big", "big", "small", "wait"]
    late = [decision for decision in ledger.list("decision") if decision["subject"] in ("c", "d")]
    assert all(decision["guardrails"] for decision in late)
    assert sum(decision["cost_brl"] for decision in ledger.list("decision")) <= policy.guardrails.max_cost_brl_per_day


def test_another_day_and_another_point_have_limits_of_their_own(ledger: Ledger, policy: Policy, tmp_path: Path) -> None:
    from dataclasses import replace

    other = policy_with(tmp_path / "other")
    object.__setattr__(other, "point", "other")
    for subject in "abc":
        decide_day(ledger, policy, [lead(subject, p=0.9)], TRACE)
    decide_day(ledger, other, [lead("d", p=0.9)], TRACE)
    decide_day(ledger, policy, [replace(lead("e", p=0.9), as_of="2026-11-01")], TRACE)

    assert (actions(ledger)["d"], actions(ledger)["e"]) == ("big", "big")


def test_a_context_given_twice_is_decided_once(ledger: Ledger, policy: Policy) -> None:
    assert decide_day(ledger, policy, [lead("a"), lead("a")], TRACE).added == 1


def test_no_context_is_no_decision(ledger: Ledger, policy: Policy) -> None:
    assert decide_day(ledger, policy, [], TRACE).decisions == ()


def test_a_subject_that_cannot_be_weighed_does_not_sink_the_others(ledger: Ledger, policy: Policy) -> None:
    decided = decide_day(ledger, policy, [lead("a"), lead("bad", p=None)], TRACE)

    assert actions(ledger) == {"a": "big", "bad": "wait"}
    assert [decision["subject"] for decision in decided.decisions if decision["errors"]] == ["bad"]


def test_every_decision_carries_its_time_and_the_runs_trace(ledger: Ledger, policy: Policy) -> None:
    (decision,) = decide_day(ledger, policy, [lead("a")], TRACE).decisions

    assert decision["latency_ms"] > 0
    assert decision["traceparent"] == f"00-{TRACE}-{decision['decision_id'][:16]}-01"


class TestContexts:
    """What the policy's query gives becomes features and predictions."""

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Lake:
        lake = Lake(tmp_path / "lake", wait_s=5)
        frame = pd.DataFrame(
            {
                "id": ["b", "a"],
                "age": [3, 4],
                "seen": [pd.Timestamp("2026-10-01"), pd.NaT],
                "is_new": [True, False],
                "p_x": [0.123456789, None],
            }
        )
        lake.replace_day("marts.demo", DAY, frame)
        return lake

    QUERY = (
        "query: SELECT 1 AS subject",
        'query: "SELECT id AS subject, age, seen, is_new, p_x FROM marts.demo WHERE as_of = $as_of ORDER BY 1"',
    )

    def test_columns_that_begin_with_p_are_predictions(self, lake: Lake, tmp_path: Path) -> None:
        contexts = read_contexts(lake, policy_with(tmp_path, self.QUERY), DAY, [("m", "3")])

        assert [context.subject for context in contexts] == ["a", "b"]
        assert contexts[1].features == {"age": 3.0, "seen": "2026-10-01 00:00:00", "is_new": True}
        assert contexts[1].predictions == {"p_x": 0.123457}
        assert contexts[1].models == (("m", "3"),)
        assert contexts[1].as_of == "2026-10-31"

    def test_what_is_not_known_is_none(self, lake: Lake, tmp_path: Path) -> None:
        context = read_contexts(lake, policy_with(tmp_path, self.QUERY), DAY, [])[0]

        assert context.features["seen"] is None
        assert context.predictions == {"p_x": None}

    def test_a_day_without_subjects_says_what_to_build(self, lake: Lake, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="comercial/demo: no subject on 2026-10-30; build its marts"):
            read_contexts(lake, policy_with(tmp_path, self.QUERY), date(2026, 10, 30), [])
