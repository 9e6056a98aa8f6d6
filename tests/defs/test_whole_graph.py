"""What holds for every asset: freshness by group, retries of what may go through later only, incidents of what failed for good."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.storage.tags import WILL_RETRY_TAG

from eco_assets.defs.describe import made_of
from eco_assets.defs.purge import purge_events
from eco_assets.defs.whole_graph import CODE, FRESHNESS, RETRY_TAG, permanent_failures_stay, with_whole_graph_rules
from eco_assets.errors import ConfigError, DoorUnavailable, PermanentError, is_transient
from eco_assets.incidents import KIND
from eco_assets.platform import Platform
from eco_assets.settings import PROJECT_ROOT, Settings
from resources.platform import PlatformResource
from sensors.incidents import failed_run, incidents


def failing(error: Exception) -> dg.AssetsDefinition:
    """An asset that fails in a helper, so that Dagster wraps the error."""

    @dg.asset(key=["toy", "failing"])
    def fails() -> None:
        try:
            raise error  # noqa: TRY301 -- the error is what is tried
        except Exception as cause:
            raise RuntimeError("the step gave up") from cause

    (ruled,) = with_whole_graph_rules([fails])
    assert isinstance(ruled, dg.AssetsDefinition)
    return ruled


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    """An instance as we ship it, with its storage in a folder of its own."""
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(PROJECT_ROOT / "deploy" / "dagster.yaml", home)
    return dg.DagsterInstance.from_config(str(home))


def test_every_asset_of_a_layer_owes_freshness_and_has_the_failure_hook(definitions: dg.Definitions, graph: AssetGraph) -> None:
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    assert {str(spec.group_name) for spec in specs.values()} >= set(FRESHNESS)
    for spec in specs.values():
        assert (spec.freshness_policy is not None) == (spec.group_name in FRESHNESS), spec.key
    for asset in definitions.assets or []:
        if isinstance(asset, dg.AssetsDefinition) and asset.is_executable:
            assert permanent_failures_stay in asset.hook_defs, asset.key


def test_every_asset_leads_to_files_of_its_code_that_exist(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        found = spec.metadata.get(CODE)
        assert isinstance(found, dg.CodeReferencesMetadataValue), spec.key
        places = [place.file_path for place in found.code_references if isinstance(place, dg.LocalFileCodeReference)]
        assert places, spec.key
        assert [place for place in places if not Path(place).exists()] == []


def test_code_links_lead_to_the_repositorys_pages_where_one_is_named() -> None:
    made_of("abc", "eco_assets/mcp")
    (spec,) = with_whole_graph_rules([dg.AssetSpec("toy", code_version="abc")], "https://code.example/eco/blob/main/")
    assert isinstance(spec, dg.AssetSpec)
    (link,) = spec.metadata[CODE].code_references
    assert (link.url, link.label) == ("https://code.example/eco/blob/main/eco_assets/mcp", "eco_assets/mcp")


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [(ConfigError("set it"), False), (DoorUnavailable("later"), True), (ConnectionResetError("cut"), True), (KeyError("bug"), False)],
)
def test_only_what_may_go_through_later_is_run_again(instance: dg.DagsterInstance, error: Exception, is_retried: bool) -> None:
    result = dg.materialize([failing(error)], instance=instance, raise_on_error=False)

    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[WILL_RETRY_TAG] == str(is_retried).lower()
    assert run.tags.get(RETRY_TAG) == (None if is_retried else "false")


def test_a_permanent_cause_outweighs_the_connection_that_broke_meanwhile() -> None:
    error = TimeoutError("no answer")
    error.__cause__ = PermanentError("wrong key")
    assert not is_transient(error)
    assert not is_transient(None)


def test_a_failure_for_good_becomes_one_incident_and_one_alert_however_often_it_is_told(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    result = dg.materialize(
        [failing(ConfigError("ask ana.souza@exemplo.com.br"))],
        instance=instance,
        raise_on_error=False,
        tags={"agent": "varejo", "dagster/partition": "2026-10-31"},
    )
    run, event = instance.get_run_by_id(result.run_id), result.get_run_failure_event()
    assert run is not None
    context = dg.build_run_status_sensor_context("incidents", event, instance, run).for_run_failure()

    for _ in range(2):
        incidents(context, platform=PlatformResource(settings_json=settings.dumps()))

    engines = Platform(settings)
    (found,) = engines.ledger.list(KIND, agent="varejo", as_of="2026-10-31")
    (step,) = found["steps"]
    assert (found["run_id"], step["assets"], step["error"]) == (result.run_id, ["toy/failing"], "ConfigError")
    assert step["message"].endswith("ask [EMAIL]")
    (alert,) = (settings.outbox / "pager").glob("*.json")
    assert json.loads(alert.read_text("utf-8"))["run_id"] == result.run_id
    assert failed_run(context).day == "2026-10-31"
    (page,) = (settings.home / "notion" / "incidentes").glob(f"*-{result.run_id[:8]}.md")
    written = page.read_text("utf-8")
    assert "ConfigError" in written
    assert "ana.souza" not in written


def test_a_failure_that_is_run_again_is_no_incident_yet(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    result = dg.materialize([failing(DoorUnavailable("later"))], instance=instance, raise_on_error=False)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    context = dg.build_run_status_sensor_context("incidents", result.get_run_failure_event(), instance, run).for_run_failure()

    incidents(context, platform=PlatformResource(settings_json=settings.dumps()))

    assert Platform(settings).ledger.head().seq == 0


def test_a_purge_forgets_the_noise_of_old_runs_and_keeps_what_lineage_and_audit_need(instance: dg.DagsterInstance) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("sound", asset="made")])
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        context.log.info("a line that nobody needs in a month")
        print("and output of the process")  # noqa: T201 -- what is captured
        return dg.MaterializeResult(metadata={"rows": 3}, check_results=[dg.AssetCheckResult(check_name="sound", passed=True)])

    runs = [dg.materialize([made], instance=instance).run_id for _ in range(3)]
    later = datetime.now(UTC) + timedelta(days=31)
    assert purge_events(instance, keep_days=30.0).runs == 0

    purged = purge_events(instance, keep_days=30.0, now=later)

    assert purged.runs == 3
    assert purged.events > 15
    assert purged.files > 0
    assert purge_events(instance, keep_days=30.0, now=later).events == 0
    kept = [record.event_log_entry.dagster_event for record in instance.get_records_for_run(runs[0]).records]
    kinds = {event.event_type_value for event in kept if event is not None}
    assert len(kept) == len(kinds)
    assert kinds >= {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "STEP_SUCCESS", "PIPELINE_START", "PIPELINE_SUCCESS"}
    found = instance.fetch_materializations(dg.AssetKey("made"), limit=10).records
    assert [record.asset_materialization.metadata["rows"].value for record in found if record.asset_materialization] == [3, 3, 3]
    check = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(dg.AssetKey("made"), "sound"))
    assert check is not None
