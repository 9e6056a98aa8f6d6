"""Rules, inputs, limits by subject, ties and draws: what the engine does with the newer parts of a policy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from policy_files import lead, policy_with

from eco_assets.mcp.engine import Spent, decide, questions
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.questions import Answer


def ruled(folder: Path, rules: str, *changes: tuple[str, str]) -> Policy:
    return policy_with(folder, ("default: wait\n", f"default: wait\n{rules}\n"), *changes)


@pytest.mark.parametrize(
    ("then", "action", "path"),
    [
        ("{only: [small]}", "small", ["r"]),
        ("{exclude: [big]}", "small", ["r"]),
        ("{action: small}", "small", ["r"]),
        ("{action: wait}", "wait", ["r"]),
    ],
)
def test_a_rule_narrows_or_settles_the_choice(tmp_path: Path, then: str, action: str, path: list[str]) -> None:
    policy = ruled(tmp_path, f'rules: [{{id: r, when: "features.age < 5.0", then: {then}, reason: "regra de {{age:.0f}}"}}]')
    held, missed = decide(lead(age=1.0), policy), decide(lead(age=6.0), policy)

    assert (held["action"], held["rules"]) == (action, path)
    assert "regra de 1" in held["reason"]
    assert (missed["action"], missed["rules"]) == ("big", [])
    assert {option["why"] for option in held["alternatives"] if not option["is_eligible"]} == {"fora da regra r"}


def test_rules_run_in_order_until_one_settles(tmp_path: Path) -> None:
    parts = (
        f'{{id: {name}, when: "true", then: {then}}}'
        for name, then in {"a": "{approve: true}", "b": "{action: small}", "c": "{action: big}"}.items()
    )
    rules = f"rules: [{', '.join(parts)}]"
    decision = decide(lead(), ruled(tmp_path, rules))

    assert (decision["rules"], decision["action"], decision["requires_approval"]) == (["a", "b"], "small", True)


def test_a_settled_action_keeps_eligibility_and_guardrails(tmp_path: Path) -> None:
    policy = ruled(tmp_path, 'rules: [{id: a, when: "true", then: {action: big}}]')

    assert decide(lead(age=30.0), policy)["action"] == "wait"
    kept_out = decide(lead(), policy, Spent(3))
    assert (kept_out["action"], kept_out["guardrails"]) == ("wait", ["limite de 3 ações por dia"])


INPUTS = "inputs: {max_age_hours: 72, features: {p: {required: true, max_age_hours: 48}, age: {}}}\non_error: small"


def test_a_required_input_that_is_missing_or_old_gives_the_safe_action_in_words(tmp_path: Path) -> None:
    policy = ruled(tmp_path, INPUTS, ('"predictions.p * 100.0"', '"20.0"'))
    missing, old = decide(lead(p=None), policy), decide(lead(age_hours={"p": 60.4}), policy)

    assert (missing["action"], old["action"]) == ("small", "small")
    assert missing["reason"] == "Falta o dado p. Sem base para decidir, vale a ação de segurança: Pequena."
    assert old["reason"] == "O dado p tem 60 h e só vale por 48 h. Sem base para decidir, vale a ação de segurança: Pequena."
    assert [error["kind"] for error in (*missing["errors"], *old["errors"])] == ["missing", "stale"]
    assert decide(lead(age_hours={"p": 48.0}), policy)["errors"] == []
    assert decide(lead(p=None), policy, Spent(3))["action"] == "wait", "the safe action keeps the guardrails"


def test_an_optional_input_that_is_old_is_null(tmp_path: Path) -> None:
    policy = ruled(tmp_path, INPUTS, ('"features.age <= 7.0"', '"features.age == null"'))

    assert decide(lead(age_hours={"age": 73.0}), policy)["action"] == "big"
    assert decide(lead(age_hours={"age": 71.0}), policy)["action"] == "small"


def test_expressions_see_ages_and_only_seen_ages_change_the_id(tmp_path: Path) -> None:
    policy = ruled(tmp_path / "a", 'rules: [{id: a, when: "age_hours.p != null && age_hours.p > 24.0", then: {only: [small]}}]')
    plain = policy_with(tmp_path / "b")

    assert decide(lead(age_hours={"p": 30.0}), policy)["action"] == "small"
    assert decide(lead(age_hours={"p": 1.0}), policy)["action"] == decide(lead(), policy)["action"] == "big"
    ids = [{decide(lead(age_hours={"p": age}), each)["decision_id"] for age in (1.0, 2.0)} for each in (policy, plain)]
    assert [len(found) for found in ids] == [2, 1]


def test_a_subject_is_acted_on_as_often_as_the_policy_allows(tmp_path: Path) -> None:
    policy = policy_with(tmp_path, ("max_actions_per_day: 3", "max_actions_per_day: 3, max_actions_per_subject: 1"))
    decision = decide(lead("s1"), policy, Spent(1, 10.0, {"s1": 1}))

    assert (decision["action"], decision["guardrails"]) == ("wait", ["limite de 1 ação por dia para o mesmo caso"])
    assert decide(lead("s2"), policy, Spent(1, 10.0, {"s1": 1}))["action"] == "big"


def test_a_tie_goes_to_the_cheaper_then_to_the_earlier(tmp_path: Path) -> None:
    dearer = policy_with(tmp_path / "a", ('"predictions.p * 100.0"', '"predictions.p * 1000.0 - 90.0"'))
    assert decide(lead(p=0.5), dearer)["action"] == "small"
    same = policy_with(tmp_path / "b", ('"predictions.p * 100.0"', '"predictions.p * 1000.0"'), ("small_cost: 10", "small_cost: 100"))
    assert decide(lead(p=0.5), same)["action"] == "big"


ASK = 'ask: [{id: topic, when: "features.age < 5.0", question: q, choices: {a: A, b: B}, evidence: [origin, e_text], otherwise: none}]'
BY_TOPIC = "\nrules: [{id: r, when: \"answers.topic == 'a'\", then: {only: [small]}}]"


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        (Answer("topic", "a", 0.9), "a"),
        (Answer("topic", "a", 0.7), "none"),
        (Answer("topic", "z", 1.0), "none"),
        (Answer("topic", None), "none"),
    ],
)
def test_only_a_sure_and_permitted_answer_is_seen(tmp_path: Path, answer: Answer, used: str) -> None:
    decision = decide(lead(), ruled(tmp_path, ASK + BY_TOPIC), answers={"topic": answer})

    assert decision["answers"]["topic"]["used"] == used
    assert decision["action"] == ("small" if used == "a" else "big")


def test_evidence_is_shown_to_the_model_and_only_its_digest_is_kept(tmp_path: Path) -> None:
    policy = ruled(tmp_path, ASK + BY_TOPIC)
    context = lead(evidence={"e_text": "sou a Maria, CPF 1"})
    (question,) = questions(context, policy)

    assert question.evidence == {"origin": "email", "e_text": "sou a Maria, CPF 1"}
    assert [choice.value for choice in question.choices] == ["a", "b"]
    record = decide(context, policy)
    assert "Maria" not in repr(record)
    assert question.key == f"{record['decision_id']}/topic"
    assert decide(lead(evidence={"e_text": "outro"}), policy)["decision_id"] != record["decision_id"]
    assert questions(lead(age=6.0), policy) == ()


def test_threads_share_a_policy(tmp_path: Path) -> None:
    policy = ruled(tmp_path, ASK + BY_TOPIC)
    contexts = [lead(f"s{number}", p=number / 200) for number in range(200)]
    alone: list[dict[str, Any]] = [decide(context, policy) for context in contexts]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda context: decide(context, policy), contexts)) == alone


def test_draws_are_as_frequent_as_epsilon_says(tmp_path: Path) -> None:
    policy = policy_with(tmp_path, ("default: wait\n", "default: wait\nexplore: {epsilon: 0.3, only: [small, wait]}\n"))
    decisions = [decide(lead(f"s{number}"), policy) for number in range(1000)]
    taken = {name: sum(decision["action"] == name for decision in decisions) / 1000 for name in ("big", "small", "wait")}

    assert taken == {"big": pytest.approx(0.7, abs=0.05), "small": pytest.approx(0.15, abs=0.04), "wait": pytest.approx(0.15, abs=0.04)}
    assert {option["action"]: option["propensity"] for option in decisions[0]["alternatives"]} == {"big": 0.7, "small": 0.15, "wait": 0.15}
    assert all("sorteada" in decision["reason"] for decision in decisions if decision["exploration"]["is_explored"])
