"""Every decision point of the group: enough of them, each action within reach, each trace a query that runs on the raw tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from eco_assets.contracts.contract import load_contracts
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.mcp.engine import Context, decide
from eco_assets.mcp.policies import Policy, load_policies
from eco_assets.mcp.policy_model import InlineTest
from eco_assets.settings import AGENTS
from ml.families import FAMILIES
from notion_sync.labels import term
from notion_sync.words import SUBJECTS

POLICIES = load_policies()
NEW = (
    *("comercial/proposal_and_discount", "comercial/account_rescue"),
    *("varejo/delivery_recovery", "varejo/seller_watch"),
    *("industrial/maintenance_planning", "industrial/sensor_trust"),
    *("agencia/media_anomaly_response", "agencia/budget_reallocation"),
)
CASES = [(POLICIES[name], test) for name in NEW for test in POLICIES[name].tests]
AS_OF = "2026-10-31"


def context_of(test: InlineTest) -> Context:
    return Context("s", AS_OF, dict(test.given.features), dict(test.given.predictions), age_hours=dict(test.given.age_hours))


@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_has_at_least_three_decision_points(agent: str) -> None:
    assert len([name for name in POLICIES if name.startswith(f"{agent}/")]) >= 3


@pytest.mark.parametrize(("policy", "test"), CASES, ids=[f"{policy.name}: {test.name}" for policy, test in CASES])
def test_a_planted_subject_gets_the_action_that_its_policy_says(policy: Policy, test: InlineTest) -> None:
    decision = decide(context_of(test), policy)

    assert decision["action"] == test.expect.action
    assert test.expect.requires_approval in (None, decision["requires_approval"])
    assert "(desconhecido)" not in decision["reason"] or any(value is None for value in test.given.predictions.values())


@pytest.mark.parametrize("name", NEW)
def test_every_action_is_reached_by_a_planted_subject_and_none_by_another_name(name: str) -> None:
    policy = POLICIES[name]
    assert {test.expect.action for test in policy.tests} == {action.name for action in policy.actions}
    assert {rule.id for rule in policy.rules} <= {rule for test in policy.tests for rule in _path(policy, test)}


def _path(policy: Policy, test: InlineTest) -> tuple[str, ...]:
    decision = decide(context_of(test), policy)
    return tuple(decision["rules"])


@pytest.mark.parametrize("name", NEW)
def test_a_subject_without_its_required_inputs_gets_the_action_of_safety(name: str) -> None:
    policy = POLICIES[name]
    decision = decide(Context("s", AS_OF, {}, {}), policy)

    assert decision["action"] == policy.failing
    assert decision["workflow"] is None


@pytest.mark.parametrize("name", NEW)
def test_a_model_that_is_needed_predicts_every_day(name: str) -> None:
    assert all(FAMILIES[model].is_daily for model in POLICIES[name].models)


@pytest.fixture(scope="module")
def raw() -> Iterator[duckdb.DuckDBPyConnection]:
    """The raw tables as their contracts say, without a row."""
    with duckdb.connect() as db:
        db.execute("ATTACH ':memory:' AS raw")
        for contract in load_contracts():
            db.execute(f"CREATE SCHEMA IF NOT EXISTS raw.{contract.domain}")
            columns = ", ".join(f'"{column.name}" {column.sql_type}' for column in contract.columns)
            origin = "_eco_file VARCHAR, _eco_row BIGINT, _eco_batch VARCHAR, _eco_loaded_at TIMESTAMP"
            db.execute(f"CREATE TABLE raw.{contract.table} ({columns}, {origin})")
        yield db


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_the_trace_runs_on_the_raw_tables_and_names_file_and_row(raw: duckdb.DuckDBPyConnection, name: str) -> None:
    trace = POLICIES[name].trace
    asked = {"subject": "a:b", "as_of": date.fromisoformat(AS_OF)}
    found = raw.execute(trace, {key: value for key, value in asked.items() if f"${key}" in trace})

    assert [column[0] for column in found.description or []] == ["source", "file", "row_number", "batch"]


@pytest.mark.parametrize("name", NEW)
def test_pages_have_words_for_subject_actions_workflows_and_every_value(name: str) -> None:
    policy = POLICIES[name]
    assert policy.point in SUBJECTS
    assert all(action.label and WORKFLOWS[action.workflow].label for action in policy.actions if action.workflow)
    given = {key for test in policy.tests for part in (test.given.features, test.given.predictions) for key in part}
    assert [key for key in sorted(given) if not isinstance(term(key), str)] == []
