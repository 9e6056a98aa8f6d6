"""Jobs select what their names say, schedules ask for the last business day, every agent has its sensor."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.schedule_definition import ScheduleExecutionData

from eco_assets.defs.catalog import KEY as CATALOG
from eco_assets.defs.environments import TABLE, Environment, of_environment
from eco_assets.defs.jobs import (
    EVALUATIONS,
    EXPORTS,
    KNOWLEDGE,
    MAIN,
    MONTHLY_COSTS,
    PERIODIC,
    PLATFORM_PAGES,
    WEEKLY,
    WEEKLY_MODELS,
    WEEKLY_REPORTS,
    agent_job,
    execution_job,
)
from eco_assets.defs.maintenance import compact_lake, maintenance_schedules
from eco_assets.defs.mega import JOB as MEGA
from eco_assets.defs.mega import KEY as PLAN
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.periodic import MONTHLY_KEY, weekly_key
from eco_assets.defs.schedules import closed_month, closed_week, read_schedule, schedules
from eco_assets.errors import ConfigError
from eco_assets.platform import Platform
from eco_assets.settings import AGENTS
from resources.platform import PlatformResource

ACTING = {"executions", "finops", "slo", "reports"}
NAME_ASSETS = {"model_reviews", "drift_retrain", "incidents"}  # they start no job of ours
MONDAY = datetime(2026, 11, 23, 5, 0, tzinfo=ZoneInfo("America/Sao_Paulo"))


def built(repository: dg.RepositoryDefinition, job: str) -> set[dg.AssetKey]:
    """What a job materializes."""
    return set(repository.get_job(job).asset_layer.selected_asset_keys)


def checked(repository: dg.RepositoryDefinition, job: str) -> set[dg.AssetCheckKey]:
    """What a job checks."""
    layer = repository.get_job(job).asset_layer
    keys = [key for node in layer.data for key in layer.get_selected_entity_keys_for_node(node.node_handle)]
    return {key for key in keys if isinstance(key, dg.AssetCheckKey)}


def on_demand(repository: dg.RepositoryDefinition) -> set[dg.AssetKey]:
    """What is not built every day."""
    groups = {EVALUATIONS, EXPORTS, WEEKLY_MODELS, PERIODIC, KNOWLEDGE}
    return {node.key for node in repository.asset_graph.asset_nodes if node.group_name in groups}


def layers(keys: set[dg.AssetKey]) -> set[str]:
    return {key.path[0] for key in keys}


def test_every_job_loads_in_one_process_and_by_day_unless_it_is_no_days_work(repository: dg.RepositoryDefinition) -> None:
    named = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    one_each = {name(agent) for agent in AGENTS for name in (agent_job, execution_job)}
    undated = {"compact_lake", "purge_events", "jorge_upkeep", "catalog", "arrivals_industrial", PLATFORM_PAGES}
    undated |= {"knowledge", "backfill", "what_if"}  # of whatever people said, or of a range of days
    dated = {MAIN, "decide", WEEKLY, "train", "evaluate", "export", MEGA, WEEKLY_REPORTS, MONTHLY_COSTS}
    assert {job.name for job in named} == dated | one_each | undated
    for job in named:
        assert job.description, job.name
        assert job.partitions_def == (None if job.name in undated else DAILY), job.name
        assert job.executor_def.name == "in_process", job.name


def test_the_main_job_builds_everything_with_every_check(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    left_out = on_demand(repository)
    assert built(repository, MAIN) == set(graph.materializable_asset_keys) - {CATALOG} - left_out
    assert checked(repository, MAIN) == {check for check in graph.asset_check_keys if check.asset_key not in left_out}
    assert not [key for key in left_out if key.path[0] in ACTING | {"decisions", "marts", "raw"}]


def test_what_is_not_of_every_day_has_a_job_of_its_own(repository: dg.RepositoryDefinition) -> None:
    every_week = built(repository, WEEKLY) - built(repository, MAIN)
    assert layers(every_week) == {"models", "predictions", "language"}
    assert layers(built(repository, "train")) == {"models", "predictions"}
    assert layers(built(repository, "evaluate")) == {"evaluations"}
    assert layers(built(repository, "export")) == {"exports"}
    jobs = ("evaluate", "export", WEEKLY_REPORTS, MONTHLY_COSTS, PLATFORM_PAGES, "knowledge")
    assert on_demand(repository) == every_week.union(*(built(repository, job) for job in jobs))
    assert built(repository, WEEKLY_REPORTS) == {weekly_key(agent) for agent in AGENTS}
    assert built(repository, MONTHLY_COSTS) == {MONTHLY_KEY}


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agents_job_builds_all_of_that_agent_and_nothing_of_another(repository: dg.RepositoryDefinition, agent: str) -> None:
    graph = repository.asset_graph
    own = {key for key in graph.materializable_asset_keys if key.path[1] == agent} - on_demand(repository)
    assert built(repository, agent_job(agent)) == own
    assert checked(repository, agent_job(agent)) == {check for check in graph.asset_check_keys if check.asset_key in own}


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agents_execution_decides_nothing_and_ends_with_the_days_first_page(repository: dg.RepositoryDefinition, agent: str) -> None:
    keys = built(repository, execution_job(agent))
    assert layers(keys) == ACTING
    assert {key for key in keys if key.path[1] != agent} == {dg.AssetKey(["reports", "grupo", "daily_index"])}


def test_the_daily_job_ends_with_decisions(repository: dg.RepositoryDefinition) -> None:
    assert layers(built(repository, "decide")) == {
        "raw",
        "staging",
        "features",
        "marts",
        "models",
        "predictions",
        "feature_store",
        "online",
        "decisions",
    }


def test_the_plan_has_a_job_of_its_own_for_days_on_which_an_agent_failed(repository: dg.RepositoryDefinition) -> None:
    assert built(repository, MEGA) == {PLAN}
    assert PLAN in built(repository, "decide")
    assert PLAN in built(repository, MAIN)


def test_the_weekly_job_decides_nothing(repository: dg.RepositoryDefinition) -> None:
    assert layers(built(repository, WEEKLY)) == {
        *("raw", "staging", "features", "marts", "models", "predictions", "feature_store", "language")
    }


def test_every_schedule_resolves_to_its_job(repository: dg.RepositoryDefinition) -> None:
    jobs = {schedule.name: schedule.job_name for schedule in repository.schedule_defs}
    models = {"daily_retrain": "train", "weekly_eval": "evaluate"}
    pages = {name: name for name in (WEEKLY_REPORTS, MONTHLY_COSTS, PLATFORM_PAGES)}
    kept = {"compaction": "compact_lake", "event_purge": "purge_events", "jorge_upkeep": "jorge_upkeep"}
    assert jobs == {"daily": "decide", "weekly": WEEKLY} | kept | models | pages
    for schedule in repository.schedule_defs:
        assert repository.has_job(schedule.job_name)
        assert schedule.execution_timezone == "America/Sao_Paulo"
        assert schedule.description


@pytest.mark.parametrize(("environment", "absent"), [("development", set()), ("staging", {"weekly_eval"}), ("production", set())])
def test_each_environment_has_the_schedules_of_its_column(environment: Environment, absent: set[str]) -> None:
    own = [*schedules(), *maintenance_schedules()]
    there = {schedule.name: schedule.default_status for schedule in of_environment(own, environment)}
    assert {schedule.name for schedule in own} - set(there) == absent
    assert set(there) <= set(TABLE)
    is_running = {status is dg.DefaultScheduleStatus.RUNNING for status in there.values()}
    assert is_running == {"development": {False}, "staging": {True, False}, "production": {True}}[environment]


def test_a_schedule_that_no_environment_knows_is_refused() -> None:
    unknown = dg.ScheduleDefinition(name="hourly", job_name="decide", cron_schedule="0 * * * *")
    with pytest.raises(ConfigError, match="hourly has no line"):
        list(of_environment([unknown], "production"))


@pytest.fixture
def named_in_the_environment(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The platform that the environment names, as it is for the daemon."""
    monkeypatch.setenv("ECO_HOME", str(platform.settings.home))
    monkeypatch.setenv("ECO_DATA", str(platform.settings.data_root))
    return platform


def tick(repository: dg.RepositoryDefinition, schedule: str) -> ScheduleExecutionData:
    """What a schedule does on a Monday morning."""
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"platform": PlatformResource()}
        context = dg.build_schedule_context(instance, MONDAY, resources=resources, repository_def=repository)
        return repository.get_schedule_def(schedule).evaluate_tick(context)


def test_a_week_and_a_month_are_reported_when_they_are_over() -> None:
    assert closed_week(date(2026, 11, 23)) == date(2026, 11, 22)  # a Monday: its week has only begun
    assert closed_week(date(2026, 10, 31)) == date(2026, 10, 31)
    assert closed_month(date(2026, 11, 1)) == date(2026, 10, 31)
    assert closed_month(date(2026, 11, 2)) == date(2026, 11, 2)


def test_compacting_keeps_what_is_served(platform: Platform) -> None:
    platform.ingest("comercial")

    result = compact_lake.execute_in_process(resources={"platform": PlatformResource.of(platform)})

    assert result.success
    with platform.lake.raw() as db:
        assert db.execute("SELECT count(*) > 0 FROM comercial.leads").fetchall() == [(True,)]


@pytest.mark.parametrize("name", ["daily", "weekly", "daily_retrain", "weekly_eval"])
def test_a_schedule_asks_for_the_last_business_day(
    repository: dg.RepositoryDefinition, named_in_the_environment: Platform, name: str
) -> None:
    asked = tick(repository, name).run_requests or []
    assert [request.partition_key for request in asked] == [named_in_the_environment.business_date().isoformat()]
    assert [request.run_key for request in asked] == [f"{name}:2026-11-23T05:00"]


def test_a_schedule_skips_and_says_why_while_no_data_was_ever_accepted(
    repository: dg.RepositoryDefinition, named_in_the_environment: Platform
) -> None:
    root = named_in_the_environment.settings.data_root
    for path in (*root.rglob("*orders_dataset*"), *root.rglob("*qualified_leads*")):
        path.unlink()
    ticked = tick(repository, "daily")
    assert not ticked.run_requests
    assert "no business day is known" in (ticked.skip_message or "")


@pytest.mark.parametrize(
    ("text", "wrong"), [("name: a\ncron: '0 4 * * *'\ndescription: b\njob: pray\n", "job"), ("name: [", "x.yaml"), ("nome: a", "nome")]
)
def test_a_schedule_of_the_models_that_is_wrong_is_named(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=wrong):
        read_schedule(path)


def test_every_agent_has_a_sensor_that_starts_its_execution(repository: dg.RepositoryDefinition) -> None:
    jobs = {sensor.name: sensor.job_name for sensor in repository.sensor_defs if sensor.name not in NAME_ASSETS}
    catalogue = {"catalog_after_success": "catalog", "catalog_after_failure": "catalog"}
    others = {"industrial_arrivals": "arrivals_industrial", "plan_after_failure": MEGA, "feedback": "knowledge", **catalogue}
    others |= {f"{agent}_answers": execution_job(agent) for agent in AGENTS}
    assert jobs == {f"{agent}_decisions_changed": execution_job(agent) for agent in AGENTS} | others
    assert all(sensor.default_status == dg.DefaultSensorStatus.RUNNING for sensor in repository.sensor_defs)
