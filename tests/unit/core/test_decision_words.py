"""A decision's rules and questions in the words of the policy that made it, and what `eco explain` prints of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eco_assets.console_explain import _evaluated
from eco_assets.day import superseded_decisions
from eco_assets.decision_words import told
from eco_assets.ledger import Entry, Ledger
from eco_assets.mcp.engine import Context, decide
from eco_assets.mcp.policies import Policy, parse_policy
from eco_assets.mcp.policy_ledger import register
from eco_assets.mcp.questions import Answer, Hop

DAY = "2026-10-31"
TEXT = """
api: eco/policy/v1
agent: varejo
point: demo
version: 1.0.0
description: A policy of the tests.
owner: team:varejo
subject: order
query: SELECT 1 AS subject
trace: SELECT 1
params: {limit: 7}
default: wait
ask: [{id: tema, question: "Do que se trata?", choices: {a: assunto A, b: assunto B}, evidence: [x], otherwise: nada}]
rules:
  - {id: perto, when: "features.x > params.limit", then: {exclude: [big]}, reason: "Há {x:.0f} dias: mais de {limit:.0f}."}
  - {id: tema_a, when: "answers.tema == 'a'", then: {approve: [small]}, reason: "O tema pede uma pessoa."}
actions:
  - {name: big, label: Grande, workflow: w, value_brl: "50.0", reason: r}
  - {name: small, label: Pequena, workflow: w, value_brl: "features.x", reason: "Motivo."}
  - {name: wait, label: Esperar, value_brl: "0.0", reason: "Nada a fazer."}
guardrails: {max_actions_per_day: 3, max_cost_brl_per_day: 250, approval_above_brl: 50}
"""
HOP = Hop("openai", "gpt", "chat", "answered", cost_micro_usd=120)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture
def policy() -> Policy:
    return parse_policy(TEXT, "varejo/demo.yaml")


def decided(policy: Policy, x: float = 9.0, answer: Answer | None = None) -> dict[str, Any]:
    return decide(Context("s", DAY, {"x": x}), policy, answers={"tema": answer} if answer else {})


def test_rules_and_questions_are_told_in_the_policys_words(ledger: Ledger, policy: Policy, capsys: pytest.CaptureFixture[str]) -> None:
    register(ledger, policy, DAY)
    (found,) = told(ledger, [decided(policy, answer=Answer("tema", "a", 0.9, provider="openai", model="gpt", hops=(HOP,)))])
    assert found["rules_told"] == [
        {"id": "perto", "reason": "Há 9 dias: mais de 7."},
        {"id": "tema_a", "reason": "O tema pede uma pessoa."},
    ]
    (asked,) = found["questions_told"]
    assert (asked["question"], asked["used"], asked["meaning"], asked["by"]) == ("Do que se trata?", "a", "assunto A", "openai/gpt")
    assert (asked["is_used"], asked["confidence"], asked["cost_usd"]) == (True, 0.9, 0.00012)
    _evaluated({"decision": found, "rules": found["rules_told"], "questions": found["questions_told"]})
    printed = capsys.readouterr().out
    assert all(words in printed for words in ("Rules that held", "perto", "Questions asked", "openai/gpt", "0.000120"))


def test_an_answer_that_is_not_sure_enough_is_told_as_not_used(ledger: Ledger, policy: Policy) -> None:
    register(ledger, policy, DAY)
    unsure = Answer("tema", "a", 0.5, provider="openai", model="gpt", hops=(HOP,))
    (found,) = told(ledger, [decided(policy, answer=unsure)])
    assert [(each["used"], each["is_used"], each["by"]) for each in found["questions_told"]] == [("nada", False, "openai/gpt")]
    (silent,) = told(ledger, [decided(policy, answer=Answer("tema", None))])
    assert [(each["used"], each["by"], each["cost_usd"]) for each in silent["questions_told"]] == [("nada", "", 0.0)]


def test_a_plain_decision_is_told_nothing_of(ledger: Ledger, policy: Policy, capsys: pytest.CaptureFixture[str]) -> None:
    plain = decided(policy, x=1.0)
    assert told(ledger, [plain]) == [plain]
    _evaluated({"decision": plain, "rules": [], "questions": []})
    assert capsys.readouterr().out == ""


def test_of_a_policy_that_the_ledger_does_not_hold_the_ids_are_told(ledger: Ledger, policy: Policy) -> None:
    (found,) = told(ledger, [decided(policy)])
    assert found["rules_told"] == [{"id": "perto", "reason": ""}]


def test_the_reason_names_a_persons_approval_only_for_what_a_person_approves(policy: Policy) -> None:
    sure = Answer("tema", "a", 0.9, provider="openai", model="gpt")
    assert decided(policy, x=9.0, answer=sure)["reason"] == "Motivo. Há 9 dias: mais de 7. O tema pede uma pessoa."
    waiting = decided(policy, x=-1.0, answer=sure)
    assert waiting["action"] == "big"
    assert waiting["reason"] == "r", "the rule asks a person about small only"


def test_what_gave_way_comes_with_its_reason(ledger: Ledger) -> None:
    records = [{"decision_id": name, "agent": "varejo", "point": "demo", "subject": name, "as_of": DAY} for name in ("one", "two", "three")]
    ledger.append(Entry("decision", record["decision_id"], "varejo", DAY, record) for record in records)
    verdicts = [("one", "superseded"), ("two", "superseded"), ("two", "released"), ("three", "held")]
    ledger.append(
        Entry("resolution", f"r{number}", "varejo", DAY, {"decision_id": name, "verdict": verdict, "reason": "Cede."})
        for number, (name, verdict) in enumerate(verdicts)
    )
    (found,) = superseded_decisions(ledger, "varejo", DAY)
    assert (found["subject"], found["superseded_because"]) == ("one", "Cede.")
