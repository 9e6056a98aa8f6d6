"""Objectives and error budgets."""

from pathlib import Path
from typing import Any

import pytest

from eco_assets.errors import ConfigError
from eco_assets.slo.objectives import OBJECTIVES_FILE, SloResult, evaluate, load_objectives

OBJECTIVES = load_objectives()


def decided(*latencies: float, agent: str = "varejo") -> list[dict[str, Any]]:
    return [{"agent": agent, "latency_ms": latency} for latency in latencies]


def ended(agent: str = "varejo", **outcomes: int) -> list[dict[str, Any]]:
    return [{"agent": agent, "outcome": outcome} for outcome, times in outcomes.items() for _ in range(times)]


def one(results: list[SloResult], name: str) -> SloResult:
    return next(result for result in results if result.objective == name)


def test_the_declared_objectives_are_the_customers() -> None:
    stated = {objective.name: (objective.comparison, objective.target, objective.unit) for objective in OBJECTIVES}
    assert stated == {
        "decision_latency_p95": ("<", 500.0, "ms"),
        "decision_latency_mean": ("<", 200.0, "ms"),
        "execution_success": (">=", 99.0, "%"),
    }


def test_without_samples_nothing_is_met_and_nothing_is_missed() -> None:
    results = evaluate(OBJECTIVES, [], ended(awaiting_approval=3, rejected=2), agents=["agencia"])
    assert {result.agent for result in results} == {"agencia", "varejo"}
    for result in results:
        assert (result.value, result.is_met, result.error_budget_left, result.alert) == (None, None, None, None)
        assert result.samples == 0


def test_a_compensated_execution_succeeds_and_one_that_waits_does_not_count() -> None:
    executions = ended(completed=98, compensated=1, failed=1, awaiting_approval=50, rejected=7)
    result = one(evaluate(OBJECTIVES, [], executions), "execution_success")
    assert (result.value, result.is_met, result.samples) == (99.0, True, 100)
    assert result.error_budget_left == pytest.approx(0.0)
    assert result.alert == "warning"


def test_an_overspent_budget_is_below_zero() -> None:
    result = one(evaluate(OBJECTIVES, [], ended(completed=97, failed=3)), "execution_success")
    assert (result.is_met, result.alert) == (False, "critical")
    assert result.error_budget_left == pytest.approx(-2.0)


def test_an_untouched_budget_is_one() -> None:
    result = one(evaluate(OBJECTIVES, [], ended(completed=3)), "execution_success")
    assert (result.value, result.error_budget_left, result.alert) == (100.0, 1.0, "ok")


@pytest.mark.parametrize(("slow", "is_met", "left"), [(0, True, 1.0), (5, True, 0.0), (6, False, -0.2)])
def test_the_p95_holds_exactly_while_its_budget_lasts(slow: int, is_met: bool, left: float) -> None:
    decisions = decided(*[10.0] * (100 - slow), *[900.0] * slow)
    result = one(evaluate(OBJECTIVES, decisions, []), "decision_latency_p95")
    assert result.is_met is is_met
    assert result.error_budget_left == pytest.approx(left)


def test_the_mean_has_headroom_for_a_budget() -> None:
    result = one(evaluate(OBJECTIVES, decided(100, 200), []), "decision_latency_mean")
    assert (result.value, result.is_met, result.alert) == (150.0, True, "warning")
    assert result.error_budget_left == pytest.approx(0.25)


def test_agents_are_measured_apart() -> None:
    results = evaluate(OBJECTIVES, decided(10) + decided(900, agent="agencia"), [])
    assert [result.agent for result in results] == ["agencia"] * 3 + ["varejo"] * 3
    assert [result.is_met for result in results] == [False, False, None, True, True, None]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("    owner:", "    ownr:", "objectives.0.own"),
        ("target: 99", "target: 100", "objectives.2: .*leaves no error budget"),
        ("warning: 400", "warning: 600", "objectives.0: .*alert.warning"),
        ("docs/runbooks/execution", "runbooks/execution", "objectives.2.runbook"),
        ("name: decision_latency_mean", "name: decision_latency_p95", "objectives.name: .*more than once"),
        ("objectives:", "objectives: [", "cannot be read"),
        ('comparison: ">="', 'comparison: "<"', "objectives.2: .*at or above"),
        ("statistic: mean", "statistic: rate", "objectives.1: .*goes with"),
    ],
)
def test_a_malformed_declaration_is_refused_by_file_and_key(tmp_path: Path, old: str, new: str, named: str) -> None:
    file = tmp_path / "objectives.yaml"
    text = OBJECTIVES_FILE.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ConfigError, match=f"objectives.yaml: {named}"):
        load_objectives(file)
