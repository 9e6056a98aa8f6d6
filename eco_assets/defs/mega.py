"""The mega-agent's plan as an asset, the job that makes it alone, and the sensor that starts that job when a run failed.

The plan comes after every decision asset. Executions have no edge to it, because then one agent's refused data would stop the others:
they come after it by priority within a run, and resolve the day themselves before they carry anything out (`jorge/dispatch.py`). Where an
agent's decisions fail, Dagster leaves the plan out too; the job `mega` then makes it of what there is. What is planned is in
`eco_assets/mcp/mega`.
"""

from functools import cache
from typing import Any

import dagster as dg

from eco_assets.defs.decisions import decision_key
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.measure import measured
from eco_assets.defs.models import DRIFT
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.reports import publish
from eco_assets.defs.tables import prediction_key
from eco_assets.mcp.policies import load_policies
from ml.families import FAMILIES
from resources.platform import PlatformResource

JOB = "mega"
KEY = dg.AssetKey(["decisions", "mega", "plan"])
ANSWERED, RESOLVED, AFFORDED = "sub_tasks_answered", "no_unresolved_conflict", "token_budget_kept"
WATCHED = ("eco", "decide")  # the jobs after whose failure a plan is still wanted


@dg.asset(
    key=KEY,
    deps=[decision_key(policy) for policy in load_policies().values()],
    partitions_def=DAILY,
    description="The day's goals and events split among the agents, their conflicts resolved, the days ahead anticipated; with its page.",
    check_specs=[
        dg.AssetCheckSpec(ANSWERED, asset=KEY, description="Every sub-task has a valid answer of its agent; those without say why."),
        dg.AssetCheckSpec(
            RESOLVED, asset=KEY, blocking=True, description="No two standing decisions exclude each other and no capacity is exceeded."
        ),
        dg.AssetCheckSpec(AFFORDED, asset=KEY, description="Every goal kept its budget of language model tokens."),
    ],
    **common("decisions", "mega", ["python", "markdown", "notion"], ["eco_assets/mcp/mega", "notion_sync/mega_plan.py"]),
)
def plan(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
    """Plan the day, record plan and resolution, publish the page."""
    from eco_assets.briefing import labels
    from eco_assets.mcp.mega import plan_day
    from eco_assets.mcp.mega.standing import conflicts_of_day
    from notion_sync.mega_plan import plan_page

    engines, day = platform.get(), day_of(context)
    with measured(engines, context, "mega"):
        made, added = plan_day(engines, day, _drifted(context.instance))
    left = conflicts_of_day(engines.ledger, day.isoformat())
    shown = publish(engines, plan_page(made.model_dump(mode="json"), labels()), new_entries=added, **_metadata(made))
    return shown._replace(check_results=_checks(made, left))


def _metadata(made: Any) -> dict[str, Any]:
    tasks = [result for goal in made.goals for result in goal.tasks]
    rows = [(result.task, len(result.proposal.decisions) if result.proposal else 0, result.why) for result in tasks]
    table = "\n".join(f"| {task.id} | {task.agent}/{task.point} | {count} | {why} |" for task, count, why in rows)
    return {
        "goals": len(made.goals),
        "sub_tasks": len(tasks),
        "superseded": sum(entry.verdict == "superseded" for entry in made.resolved),
        "held_for_a_person": sum(entry.verdict == "held" for entry in made.resolved),
        "anticipations_at_risk": sum(each.risk != "ok" for each in made.anticipations),
        "tokens_spent": sum(goal.tokens_spent for goal in made.goals),
        "points_without_decisions": dg.MetadataValue.text(", ".join(made.missing) or "none"),
        "tasks": dg.MetadataValue.md(f"| sub-task | point | decisions | answer |\n|---|---|---|---|\n{table}"),
    }


def _checks(made: Any, left: list[str]) -> list[dg.AssetCheckResult]:
    results = [result for goal in made.goals for result in goal.tasks]
    silent = [f"{result.task.id}: {result.why}" for result in results if result.proposal is None]
    over = [goal.goal.key for goal in made.goals if goal.tokens_spent > goal.budget_tokens]
    return [
        _check(ANSWERED, silent, len(results), dg.AssetCheckSeverity.WARN),
        _check(RESOLVED, left, len(made.resolved), dg.AssetCheckSeverity.ERROR),
        _check(AFFORDED, over, len(made.goals), dg.AssetCheckSeverity.ERROR),
    ]


def _check(name: str, broken: list[str], count: int, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    told = {"reasons": dg.MetadataValue.md("\n".join(f"- {each}" for each in broken[:20]))} if broken else {}
    return dg.AssetCheckResult(
        asset_key=KEY, check_name=name, passed=not broken, severity=severity, metadata={"count": count, "broken": len(broken), **told}
    )


def _drifted(instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """Each model, with its version, whose newest drift check failed."""
    found = []
    for family in FAMILIES.values():
        record = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(prediction_key(family.table), DRIFT))
        evaluation = record.evaluation if record else None  # planned and not run yet, or an evaluation
        if isinstance(evaluation, dg.AssetCheckEvaluation) and not evaluation.passed:
            found.append((family.name, str(evaluation.metadata["model_version"].value)))
    return found


@cache  # one object, or Dagster sees two jobs of one name
def mega_job() -> "dg.UnresolvedAssetJobDefinition":
    """The job that plans a day with whatever was decided so far."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(KEY),
        executor_def=dg.in_process_executor,
        description="The mega-agent's plan for one day, with what is decided so far.",
        tags={"agent": "mega"},
    )


@cache
def plan_after_failure() -> dg.SensorDefinition:
    """The sensor that plans a day after a run of it failed: that is when a plan is wanted most."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.FAILURE,
        name="plan_after_failure",
        request_job=mega_job(),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Plans a day after a run of it failed, with what the other agents decided.",
    )
    def tick(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        day = run.tags.get("dagster/partition")
        if run.job_name not in WATCHED or day is None:
            return dg.SkipReason(f"a failure of {run.job_name} leaves the plan as it is")
        return dg.RunRequest(run_key=f"{JOB}:{run.run_id}", partition_key=day)

    return tick
