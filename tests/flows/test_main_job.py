"""The main job end to end on a small generated business: what must be there after it, and what must not happen twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from homes import Home

from eco_assets.day import standing_decisions
from eco_assets.mcp.policies import load_policies
from eco_assets.provenance import explain
from eco_assets.settings import AGENTS
from eco_assets.summary import summary
from ml.families import FAMILIES


def outbox(home: Home) -> dict[str, str]:
    return {str(path.relative_to(home.path)): path.read_text() for path in sorted((home.path / "outbox").rglob("*.json"))}


def test_every_layer_holds_rows(good_home: Home) -> None:
    found = summary(good_home.platform, good_home.platform.business_date())
    assert {"raw", "staging", "features", "marts", "predictions"} <= set(found["rows"])
    assert all(part["rows"] > 0 for part in found["rows"].values())
    assert found["quarantined"] == []


def test_every_model_of_every_day_beats_its_baseline(good_home: Home) -> None:
    platform = good_home.platform
    for name, family in FAMILIES.items():
        if not family.is_daily:
            continue
        version = platform.registry.describe(name, platform.business_date())
        better = version.metrics[family.primary_metric] - version.baseline[family.primary_metric]
        assert better < 0 if family.primary_metric == "wape" else better > 0, name


@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_decides_and_acts(good_home: Home, agent: str) -> None:
    platform = good_home.platform
    decisions, executions = platform.ledger.list("decision", agent=agent), platform.ledger.list("execution", agent=agent)
    standing = standing_decisions(platform.ledger, agent, platform.business_date().isoformat())  # without those that gave way
    acting = {decision["decision_id"] for decision in standing if decision["workflow"] and not decision["requires_approval"]}
    assert len(decisions) > 0
    assert {record["decision_id"] for record in executions if "parent" not in record} == acting
    assert {record["parent"] for record in executions if "parent" in record} <= {record["decision_id"] for record in executions}
    assert {record["outcome"] for record in executions} <= {"completed", "compensated"}


def test_every_decision_point_decides_and_every_decision_leads_to_raw_rows(good_home: Home) -> None:
    platform = good_home.platform
    decided = platform.ledger.list("decision")
    assert {f"{decision['agent']}/{decision['point']}" for decision in decided} == set(load_policies())
    with platform.lake.connect() as db:
        for name, policy in load_policies().items():
            decision = next(d for d in decided if f"{d['agent']}/{d['point']}" == name)
            asked = {"subject": decision["subject"], "as_of": platform.business_date()}
            rows = db.execute(policy.trace, {key: value for key, value in asked.items() if f"${key}" in policy.trace}).fetchall()
            assert rows, name
            assert not decision["errors"], name


def test_every_action_left_its_messages_in_the_outbox(good_home: Home) -> None:
    keys = [json.loads(text)["key"] for text in outbox(good_home).values()]
    sent = [
        step["key"]
        for record in good_home.platform.ledger.list("execution")
        for step in record["steps"]
        if not step["name"].startswith("book_") and step["outcome"] == "done"
    ]
    assert sorted(keys) == sorted(sent)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_decision_can_be_walked_back_to_its_raw_rows(good_home: Home, agent: str) -> None:
    platform = good_home.platform
    standing = standing_decisions(platform.ledger, agent, platform.business_date().isoformat())
    decision = next(d for d in standing if d["workflow"] and d["models"])
    chain = explain(platform, decision["decision_id"])
    assert sum(item["rows"] for item in chain["raw_rows"]) > 0
    for item in chain["raw_rows"]:
        assert (good_home.data / item["file"]).exists()
    assert chain["models"]
    assert all(model["mlflow_run"] for model in chain["models"])
    assert chain["policy"]["is_current"]
    assert chain["execution"]["outcome"] in ("completed", "awaiting_approval")
    assert len(chain["pages"]) == 2
    assert all(decision["decision_id"][:8] in Path(page).read_text() for page in chain["pages"] if "decisoes" in page)


def test_a_second_run_decides_nothing_and_acts_on_nothing_again(copied_home: object) -> None:
    home = copied_home()  # type: ignore[operator]
    head, messages = home.platform.ledger.head(), outbox(home)
    pages = {path: path.read_bytes() for path in (home.path / "notion").rglob("*.md")}
    outcome = home.run()
    assert outcome.is_success, outcome.problems
    assert home.platform.ledger.head() == head
    assert outbox(home) == messages
    assert {path: path.read_bytes() for path in (home.path / "notion").rglob("*.md")} == pages


def test_the_ledger_is_unbroken(good_home: Home) -> None:
    assert good_home.platform.ledger.verify() == good_home.platform.ledger.head()


def test_an_approved_decision_is_carried_out_by_the_next_run(copied_home: object) -> None:
    from eco_assets.jorge.dispatch import APPROVED, answer, execute_day
    from eco_assets.ledger import Entry

    platform = copied_home().platform  # type: ignore[operator]
    template = next(d for d in platform.ledger.list("decision", agent="agencia") if d["workflow"])
    body = {key: value for key, value in template.items() if key not in ("seq", "recorded_at")}
    waiting = {**body, "decision_id": "f" * 32, "subject": "email:another audience", "requires_approval": True}
    platform.ledger.append([Entry("decision", waiting["decision_id"], "agencia", waiting["as_of"], waiting)])
    before = execute_day(platform.ledger, "agencia", waiting["as_of"], platform.engine)
    assert before.outcomes()["awaiting_approval"] == 1
    answer(platform.ledger, "f" * 32, by="Ana", verdict=APPROVED)
    after = execute_day(platform.ledger, "agencia", waiting["as_of"], platform.engine)
    assert "awaiting_approval" not in after.outcomes()
    assert platform.ledger.get("execution", "f" * 32)["outcome"] == "completed"
