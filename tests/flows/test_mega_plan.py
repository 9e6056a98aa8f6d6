"""The mega-agent in the main job: plan, page and resolution come before anything is carried out, and nothing comes a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
from homes import Home

from eco_assets.day import standing_decisions
from eco_assets.defs.mega import JOB, KEY
from eco_assets.mcp.mega import newest_plan
from eco_assets.mcp.mega.models import Plan, problems
from eco_assets.mcp.mega.standing import conflicts_of_day
from eco_assets.settings import AGENTS


def steps(home: Home) -> dict[str, Any]:
    with home.instance() as opened:
        (run,) = opened.get_runs(filters=dg.RunsFilter(job_name="eco"), limit=1)
        return {stat.step_key: stat for stat in opened.get_run_step_stats(run.run_id)}


def test_the_plan_is_made_after_every_decision_and_before_every_execution(good_home: Home) -> None:
    found = steps(good_home)
    plan = found["decisions__mega__plan"]
    decided = [stat for name, stat in found.items() if name.startswith("decisions__") and stat is not plan]
    executed = [stat for name, stat in found.items() if name.startswith("executions__")]
    assert len(decided) > 5
    assert {f"executions__{agent}__workflows" for agent in (*AGENTS, "mega")} <= set(found)
    assert max(stat.end_time for stat in decided) <= plan.start_time
    assert plan.end_time <= min(stat.start_time for stat in executed)


def test_the_plan_is_in_the_ledger_with_its_page_and_no_conflict_is_left(good_home: Home) -> None:
    platform, day = good_home.platform, good_home.platform.business_date()
    made = newest_plan(platform, day)
    assert problems(Plan, made.model_dump(mode="json")) == ()
    assert {"reduzir_atrasos", "aumentar_conversao", "evitar_paradas"} <= {goal.goal.id for goal in made.goals}
    assert all(result.proposal is not None for goal in made.goals for result in goal.tasks)
    assert all(goal.tokens_spent <= goal.budget_tokens for goal in made.goals)
    assert conflicts_of_day(platform.ledger, day.isoformat()) == []
    page = (good_home.path / "notion" / "relatorios" / day.isoformat() / "mega-agente.md").read_text(encoding="utf-8")
    assert "# Plano do dia do mega-agente" in page
    assert all(goal.goal.title in page for goal in made.goals)


def test_nothing_that_gave_way_was_carried_out(good_home: Home) -> None:
    platform, day = good_home.platform, good_home.platform.business_date().isoformat()
    lost = {each.decision_id for each in newest_plan(platform, good_home.platform.business_date()).resolved}
    # Orders of the plan itself and of events that other orders emit stand on no decision of a subject.
    executions = [record for record in platform.ledger.list("execution") if record["agent"] in AGENTS]
    done = {record["decision_id"] for record in executions if "parent" not in record}
    standing = {each["decision_id"] for agent in AGENTS for each in standing_decisions(platform.ledger, agent, day)}
    recorded = {entry["decision_id"] for entry in platform.ledger.list("resolution", as_of=day)}
    assert lost == recorded
    assert not lost & done
    assert done <= standing


def test_the_plan_made_again_alone_adds_nothing(copied_home: Callable[[], Home]) -> None:
    home = copied_home()
    head = home.platform.ledger.head()
    outcome = home.run(JOB)
    assert outcome.is_success, outcome.problems
    assert home.platform.ledger.head() == head
    with home.instance() as opened:
        made = opened.get_latest_materialization_event(KEY)
    assert made is not None
    assert made.asset_materialization is not None
    assert made.asset_materialization.metadata["new_entries"].value == 0
    assert made.asset_materialization.metadata["is_changed"].value is False
