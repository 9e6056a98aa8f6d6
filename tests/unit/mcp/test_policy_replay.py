"""Recorded decisions come out the same again; another version is judged by what it would change and earn."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from policy_files import lead, policy_with, write_policy

from eco_assets.errors import NotFound, PolicyError, RequestRefused
from eco_assets.ledger import Ledger
from eco_assets.mcp.batch import decide_day
from eco_assets.mcp.outcomes import Outcome, record_outcomes, rewards
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.policy_ledger import recorded_policy
from eco_assets.mcp.promotion import Gate, replay
from eco_assets.mcp.questions import Answer, Hop, Question

TRACE, DAY = "ab" * 16, "2026-10-31"
EXPLORING = ("default: wait\n", "default: wait\nexplore: {epsilon: 0.4}\n")
ASKING = (
    "default: wait\n",
    """default: wait
ask: [{id: topic, when: "features.age < 5.0", question: 'Why?', choices: [price, other], evidence: [origin], otherwise: unknown}]
rules: [{id: cheap, when: "answers.topic == 'price'", then: {only: [small]}}]
""",
)


class Desk:
    """Answers every question about an odd subject, in a hop that costs; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def answer_all(self, questions: list[Question]) -> list[Answer]:
        self.asked.extend(questions)
        hop = Hop("desk", "m", "chat", "answered", 3.0, 200, 40, 2, cost_micro_usd=21)
        return [
            Answer(q.id, "price", 0.9, {"price": 0.9, "other": 0.1}, "desk", "m", hops=(hop,))
            if int(q.subject[1:]) % 2
            else Answer(q.id, None)
            for q in questions
        ]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def decided(ledger: Ledger, policy: Policy, count: int = 40, desk: Desk | None = None) -> list[dict[str, object]]:
    contexts = [lead(f"s{number}", p=number / count, age=float(number % 9)) for number in range(count)]
    decide_day(ledger, policy, contexts, TRACE, desk)  # type: ignore[arg-type]
    return ledger.list("decision")


def test_every_decision_comes_out_the_same_after_limits_exploration_and_answers(ledger: Ledger, tmp_path: Path) -> None:
    policy = policy_with(tmp_path, EXPLORING, ASKING)
    records = decided(ledger, policy, desk=Desk())

    assert any(record["guardrails"] for record in records)
    assert any(record["exploration"]["is_explored"] for record in records)  # type: ignore[index]
    assert {record["route"] for record in records} == {"policy", "model"}
    report = replay(ledger, policy, DAY, DAY)
    assert (report.reproduced.same, report.reproduced.lost, report.reproduced.differing) == (40, 0, ())


def test_only_what_the_ask_rule_names_is_asked_and_its_cost_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    desk = Desk()
    records = decided(ledger, policy_with(tmp_path, ASKING), desk=desk)

    assert {question.subject for question in desk.asked} == {f"s{n}" for n in range(40) if n % 9 < 5}
    assert all(
        question.key.startswith(str(record["decision_id"]))
        for record in records
        for question in desk.asked
        if question.subject == record["subject"]
    )
    by_subject = {record["subject"]: record for record in records}
    assert by_subject["s1"]["answers"]["topic"]["used"] == "price"  # type: ignore[index]
    assert (by_subject["s1"]["tokens"], by_subject["s1"]["cost_usd"]) == (42, 0.000021)
    assert by_subject["s2"]["answers"]["topic"]["used"] == "unknown"  # type: ignore[index]
    assert by_subject["s5"]["answers"] == {"topic": {"used": "unknown"}}


def test_propensities_are_those_of_the_draw(ledger: Ledger, tmp_path: Path) -> None:
    for record in decided(ledger, policy_with(tmp_path, EXPLORING)):
        propensities = {option["action"]: option["propensity"] for option in record["alternatives"]}  # type: ignore[attr-defined]
        assert sum(propensities.values()) == pytest.approx(1.0)
        assert record["propensity"] == propensities[record["action"]]
        allowed = [name for name, propensity in propensities.items() if propensity > 0]
        assert min(propensities[name] for name in allowed) in (pytest.approx(0.4 / len(allowed)), 1.0)


def test_a_version_that_has_decided_may_not_change(ledger: Ledger, tmp_path: Path) -> None:
    decided(ledger, policy_with(tmp_path / "a"))
    changed = policy_with(tmp_path / "b", ("big_cost: 100", "big_cost: 120"))
    with pytest.raises(PolicyError, match=r"comercial/demo 1\.2\.3 has decided with another content .* raise its version"):
        decide_day(ledger, changed, [lead("z")], TRACE)

    risen = policy_with(tmp_path / "c", ("big_cost: 100", "big_cost: 120"), ("version: 1.2.3", "version: 1.3.0"))
    assert decide_day(ledger, risen, [lead("z")], TRACE).added == 1
    assert recorded_policy(ledger, risen.digest).text == risen.text
    assert len(ledger.list("policy")) == 2


def test_comments_and_inline_tests_may_change_at_any_time(ledger: Ledger, tmp_path: Path) -> None:
    decided(ledger, policy_with(tmp_path / "a"))
    more = "# a remark\ntests: [{name: one, given: {predictions: {p: 0.9}}, expect: {action: big}}]\napi"
    assert decide_day(ledger, policy_with(tmp_path / "b", ("api", more)), [lead("z")], TRACE).added == 1


def test_another_version_is_judged_by_what_it_changes(ledger: Ledger, tmp_path: Path) -> None:
    decided(ledger, policy_with(tmp_path / "a"))
    other = policy_with(tmp_path / "b", ("version: 1.2.3", "version: 2.0.0"), ('"predictions.p * 1000.0"', '"0.0"'))
    report = replay(ledger, other, DAY, DAY)

    assert report.by_action["big → small"]["flips"] > 0
    assert report.cost_delta_brl < 0
    assert report.flips == sum(each["flips"] for each in report.by_action.values()) / 40
    assert replay(ledger, other, DAY, DAY, gate=Gate(max_flips=0.0)).problems[0].endswith("at most 0.0% may")


def test_a_question_that_the_log_cannot_answer_is_flagged(ledger: Ledger, tmp_path: Path) -> None:
    decided(ledger, policy_with(tmp_path / "a"))
    report = replay(ledger, policy_with(tmp_path / "b", ASKING, ("version: 1.2.3", "version: 2.0.0")), DAY, DAY)

    assert report.unseen == sum(n % 9 < 5 for n in range(40))
    assert any("no answer" in problem for problem in report.problems)


def test_outcomes_are_recorded_once_a_source_and_give_estimates(ledger: Ledger, tmp_path: Path) -> None:
    policy = policy_with(tmp_path, EXPLORING)
    records = decided(ledger, policy)
    now = datetime(2026, 11, 1, tzinfo=UTC)
    outcomes = [Outcome(str(record["decision_id"]), 10.0 if record["workflow"] else 0.0, now, "crm") for record in records]

    assert (record_outcomes(ledger, outcomes), record_outcomes(ledger, outcomes)) == (40, 0)
    assert set(rewards(ledger, "comercial", DAY, DAY).values()) == {0.0, 10.0}
    report = replay(ledger, policy, DAY, DAY)
    assert report.off_policy is not None
    assert report.off_policy.n == 40
    assert report.off_policy.dr.low <= report.off_policy.dr.value <= report.off_policy.dr.high
    with pytest.raises(RequestRefused, match="another outcome"):
        record_outcomes(ledger, [Outcome(outcomes[0].decision_id, 11.0, now, "crm")])
    with pytest.raises(RequestRefused, match="finite"):
        record_outcomes(ledger, [Outcome(outcomes[0].decision_id, float("nan"), now, "crm")])
    with pytest.raises(NotFound, match="whole id"):
        record_outcomes(ledger, [Outcome("f" * 32, 1.0, now, "crm")])


def test_days_without_decisions_are_named(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no decision of comercial/demo from 2026-01-01 to 2026-01-02"):
        replay(ledger, policy_with(tmp_path), "2026-01-01", "2026-01-02")


def test_the_text_in_the_ledger_is_the_files(ledger: Ledger, tmp_path: Path) -> None:
    path = write_policy(tmp_path)
    policy = policy_with(tmp_path)
    decide_day(ledger, policy, [lead("a")], TRACE)

    (kept,) = ledger.list("policy")
    assert (kept["name"], kept["version"], kept["digest"], kept["text"]) == (policy.name, "1.2.3", policy.digest, path.read_text())
