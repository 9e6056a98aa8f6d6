"""The decision engine: pure, repeatable, and within its guardrails."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_files import lead, policy_with

from eco_assets.errors import PolicyError
from eco_assets.mcp.engine import Context, Spent, decide, decision_id
from eco_assets.mcp.policies import Policy, load_policies

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
SCALARS = st.one_of(NUMBERS, WORDS, st.booleans(), st.none())
EXTRAS = st.dictionaries(WORDS.filter(lambda name: name not in ("age", "p")), SCALARS, max_size=5)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy_with(tmp_path_factory.mktemp("policy"))


@given(subject=WORDS, age=NUMBERS, p=st.floats(0, 1), extras=EXTRAS)
@settings(deadline=None, max_examples=150)
def test_the_same_context_gives_the_same_decision(policy: Policy, subject: str, age: float, p: float, extras: dict[str, Any]) -> None:
    def context() -> Context:
        return Context(subject, "2026-10-31", {**extras, "age": age}, {"p": p}, (("m", "1"),))

    first, second = decide(context(), policy), decide(context(), policy)
    assert first == second
    assert json.loads(json.dumps(first)) == first
    assert first["decision_id"] == decision_id(policy, context())
    assert len(first["decision_id"]) == 32


@given(extras=EXTRAS)
@settings(deadline=None)
def test_the_order_of_features_does_not_matter(policy: Policy, extras: dict[str, Any]) -> None:
    forward = {**extras, "age": 1.0}
    backward = dict(reversed(forward.items()))

    assert (
        decide(Context("s", "2026-10-31", forward, {"p": 0.5}), policy)["decision_id"]
        == decide(Context("s", "2026-10-31", backward, {"p": 0.5}), policy)["decision_id"]
    )


@given(name=WORDS.filter(lambda name: name != "age"), one=SCALARS, other=SCALARS)
@settings(deadline=None)
def test_the_id_changes_with_any_feature_or_prediction(policy: Policy, name: str, one: Any, other: Any) -> None:
    if json.dumps(one) == json.dumps(other):
        return
    for part in ("features", "predictions"):
        ids = {decision_id(policy, dataclasses.replace(lead(), **{part: {"age": 1.0, "p": 0.5, name: value}})) for value in (one, other)}
        assert len(ids) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "s2"},
        {"as_of": "2026-10-30"},
        {"models": (("model", "2"),)},
        {"models": ()},
        {"features": {"age": 1.0}},
        {"predictions": {"p": 0.5, "q": None}},
    ],
)
def test_the_id_changes_with_every_other_input(policy: Policy, change: dict[str, Any]) -> None:
    assert decision_id(policy, dataclasses.replace(lead(), **change)) != decision_id(policy, lead())


def test_the_id_changes_with_the_policys_content(policy: Policy, tmp_path: Path) -> None:
    assert decision_id(policy_with(tmp_path, ("big_cost: 100", "big_cost: 100.5")), lead()) != decision_id(policy, lead())


def test_the_order_of_models_does_not_matter(policy: Policy) -> None:
    models = (("a", "1"), ("b", "2"))
    assert decision_id(policy, dataclasses.replace(lead(), models=models)) == decision_id(
        policy, dataclasses.replace(lead(), models=models[::-1])
    )


@given(p=st.floats(0, 1), age=st.floats(0, 14), actions=st.integers(0, 5), cost=st.floats(0, 300))
@settings(deadline=None, max_examples=200)
def test_the_action_is_the_eligible_one_of_highest_net_value_that_keeps_the_guardrails(
    policy: Policy, p: float, age: float, actions: int, cost: float
) -> None:
    spent = Spent(actions, cost)
    decision = decide(lead(p=p, age=age), policy, spent)
    limits = policy.guardrails

    def allowed(option: dict[str, Any]) -> bool:
        if option["workflow"] is None:
            return True
        within = spent.actions < limits.max_actions_per_day and spent.cost_brl + option["cost_brl"] <= limits.max_cost_brl_per_day
        return bool(option["is_eligible"]) and within

    best = max(option["value_brl"] - option["cost_brl"] for option in decision["alternatives"] if allowed(option))
    chosen = next(option for option in decision["alternatives"] if option["action"] == decision["action"])
    assert allowed(chosen)
    assert chosen["value_brl"] - chosen["cost_brl"] == best
    assert (decision["workflow"], decision["value_brl"], decision["cost_brl"]) == (
        chosen["workflow"],
        chosen["value_brl"],
        chosen["cost_brl"],
    )


def test_the_best_paying_action_is_chosen_and_every_alternative_is_shown(policy: Policy) -> None:
    decision = decide(lead(p=0.5), policy)

    assert decision["action"] == "big"
    assert [(o["action"], o["is_eligible"], o["value_brl"], o["cost_brl"]) for o in decision["alternatives"]] == [
        ("big", True, 500.0, 100.0),
        ("small", True, 50.0, 10.0),
        ("wait", True, 0.0, 0.0),
    ]
    assert decision["reason"] == "p de 50,0%, valor R$ 500,00"
    assert decision["confidence"] == 0.5


def test_an_action_that_is_not_eligible_is_never_chosen_and_says_why(policy: Policy) -> None:
    decision = decide(lead(p=0.9, age=30.0), policy)

    assert decision["action"] == "small"
    assert decision["alternatives"][0]["why"] == "não elegível: features.age <= 7.0"


def test_nothing_that_pays_gives_the_default(policy: Policy) -> None:
    decision = decide(lead(p=0.01), policy)

    assert (decision["action"], decision["workflow"], decision["requires_approval"]) == ("wait", None, False)


def test_a_net_value_of_exactly_zero_gives_the_default(policy: Policy) -> None:
    assert decide(lead(p=0.1), policy)["action"] == "wait"


def test_a_spent_budget_gives_the_next_best_that_fits(policy: Policy) -> None:
    decision = decide(lead(p=0.5), policy, Spent(actions=2, cost_brl=200.0))

    assert decision["action"] == "small"
    assert decision["guardrails"] == ["orçamento diário de R$ 250,00"]
    assert "Limite aplicado: orçamento diário" in decision["reason"]


def test_a_budget_that_is_used_to_the_last_cent_is_kept(policy: Policy) -> None:
    assert decide(lead(p=0.5), policy, Spent(1, 150.0))["action"] == "big"
    assert decide(lead(p=0.5), policy, Spent(1, 150.01))["action"] == "small"


def test_as_many_actions_as_the_day_allows_give_the_default(policy: Policy) -> None:
    decision = decide(lead(p=0.5), policy, Spent(actions=3))

    assert decision["action"] == "wait"
    assert decision["guardrails"] == ["limite de 3 ações por dia"]


def test_an_action_above_the_threshold_waits_for_a_person_and_one_at_it_does_not(policy: Policy, tmp_path: Path) -> None:
    assert decide(lead(p=0.5), policy)["requires_approval"]
    assert not decide(lead(p=0.5), policy_with(tmp_path, ("approval_above_brl: 50", "approval_above_brl: 100")))["requires_approval"]
    assert not decide(lead(p=0.5, age=30.0), policy)["requires_approval"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("part", ["features", "predictions"])
def test_a_value_that_is_no_number_names_policy_subject_and_value(policy: Policy, part: str, value: float) -> None:
    context = dataclasses.replace(lead(), **{part: {**getattr(lead(), part), "odd": value}})

    with pytest.raises(PolicyError, match=r"comercial/demo 1\.2\.3, subject s1: odd is not a finite number"):
        decide(context, policy)


@pytest.mark.parametrize("predictions", [{"p": None}, {}])
def test_an_input_that_is_not_known_is_null_and_the_expression_that_needs_it_gives_the_safe_action(
    policy: Policy, predictions: dict[str, Any]
) -> None:
    decision = decide(dataclasses.replace(lead(), predictions=predictions), policy)

    assert (decision["action"], decision["workflow"], decision["confidence"]) == ("wait", None, 0.0)
    assert decision["errors"] == [
        {"kind": "expression", "where": "action big: value_brl", "message": "predictions.p is null in 'predictions.p * 1000.0'"}
    ]
    assert decision["reason"] == (
        "A política não pôde ser avaliada (action big: value_brl). Sem base para decidir, vale a ação de segurança: Aguardar."
    )


def test_a_missing_prediction_is_weighed_as_the_policy_says(tmp_path: Path) -> None:
    changes = (
        ('"predictions.p * 1000.0"', '"(predictions.p == null ? 0.2 : predictions.p) * 1000.0"'),
        ('"predictions.p * 100.0"', '"0.0"'),
        ('confidence: "predictions.p"', 'confidence: "predictions.p == null ? 0.3 : 1.0"'),
        ("p de {p:.1%}, valor", "valor"),
    )
    decision = decide(lead(p=None), policy_with(tmp_path, *changes))

    assert (decision["action"], decision["value_brl"], decision["confidence"]) == ("big", 200.0, 0.3)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"predictions.p * 1000.0"', '"1.0 / (features.age - 1.0)"', "must be a finite number"),
        ('"predictions.p * 1000.0"', "\"'much'\"", "gives 'much'"),
        ('"features.age <= 7.0"', '"features.age"', "gives 1.0, must be true or false"),
        ('"predictions.p * 1000.0"', '"features.unknown * 1000.0"', "features.unknown is null"),
        ('"predictions.p * 1000.0"', '"predictions.p * guess(2.0)"', "guess"),
        ('"predictions.p * 1000.0"', '"predictions.p * 1000"', "Unsupported operation: float * int"),
    ],
)
def test_an_expression_that_fails_is_named_in_the_record(tmp_path: Path, old: str, new: str, says: str) -> None:
    decision = decide(lead(p=0.5), policy_with(tmp_path, (old, new)))

    (error,) = decision["errors"]
    assert error["where"].startswith("action big: ")
    assert says in error["message"]
    assert decision["action"] == "wait"


@pytest.mark.parametrize("new", ["{unknown}, valor", "{origin:.1%}, valor", "{p.secret}, valor"])
def test_a_reason_that_cannot_be_worded_is_named_and_changes_no_action(tmp_path: Path, new: str) -> None:
    decision = decide(lead(p=0.5), policy_with(tmp_path, ("p de {p:.1%}, valor", new)))

    assert (decision["action"], decision["reason"]) == ("big", "Grande.")
    assert [(error["kind"], error["where"]) for error in decision["errors"]] == [("reason", "action big: reason")]


@pytest.mark.parametrize(("p", "confidence"), [(-0.5, 0.0), (1.5, 1.0), (0.12345, 0.1235)])
def test_confidence_stays_between_zero_and_one(policy: Policy, p: float, confidence: float) -> None:
    assert decide(lead(p=p), policy)["confidence"] == pytest.approx(confidence, abs=1e-4)


def test_deciding_changes_neither_context_nor_spending(policy: Policy) -> None:
    context, spent = lead(), Spent(1, 5.0)
    before = dataclasses.replace(context, features=dict(context.features))
    decision = decide(context, policy, spent)
    decision["features"]["age"] = 99.0

    assert context == before
    assert spent == Spent(1, 5.0)


def test_the_policies_of_the_repository_decide_with_a_null_where_they_allow_one() -> None:
    review = load_policies()["varejo/review_recovery"]
    features = {
        "score": 1.0,
        "has_comment": False,
        "days_late": 3.0,
        "is_late": True,
        "order_value_brl": 200.0,
        "category": "x",
        "customer_state": "SP",
    }

    decision = decide(Context("r:o", "2026-10-31", features, {"p_negative": None}), review)

    assert decision["action"] == "recuperar_cliente"
