"""The catalogue's asset, job and sensors, and column lineage in Dagster."""

import json
from pathlib import Path

import dagster as dg
import pytest

from eco_assets.contracts.contract import load_contracts
from eco_assets.definitions import build_defs
from eco_assets.defs.catalog import JOB, KEY, catalog, catalog_job, catalog_sensors
from eco_assets.defs.lineage import COLUMN_LINEAGE, asset_key, model_lineage, raw_lineage, with_column_lineage
from eco_assets.lineage.project import load_lineage
from eco_assets.platform import Platform
from resources.platform import PlatformResource


@pytest.fixture(scope="module")
def keys() -> set[dg.AssetKey]:
    return set(build_defs().resolve_asset_graph().get_all_asset_keys())


@dg.job
def other() -> None:
    """A job that finishes."""


def test_the_catalogue_is_built_by_a_job_of_its_own(platform: Platform) -> None:
    defs = dg.Definitions(
        assets=[catalog], jobs=[catalog_job()], sensors=list(catalog_sensors()), resources={"platform": PlatformResource.of(platform)}
    )

    result = defs.resolve_job_def(JOB).execute_in_process()
    metadata = result.asset_materializations_for_node("reports__grupo__catalog")[0].metadata
    assert metadata["datasets"].value == metadata["pages_changed"].value - 1
    assert (platform.settings.knowledge / "catalogo" / "index.md").exists()


@pytest.mark.parametrize("number", [0, 1])
def test_the_catalogue_is_built_after_every_run_but_its_own(number: int) -> None:
    sensor = list(catalog_sensors())[number]
    instance = dg.DagsterInstance.ephemeral()

    def asked(of: dg.JobDefinition) -> object:
        result = of.execute_in_process(instance=instance)
        event = result.get_run_success_event()
        return sensor(dg.build_run_status_sensor_context(sensor.name, event, instance, result.dagster_run))

    @dg.job(name=JOB)
    def itself() -> None:
        """The catalogue's job."""

    assert isinstance(asked(other), dg.RunRequest)
    assert isinstance(asked(itself), dg.SkipReason)
    assert catalog.key == KEY


def test_every_column_of_every_model_depends_on_assets_that_are_in_the_graph(keys: set[dg.AssetKey]) -> None:
    lineage = load_lineage()
    models = [name for name, node in lineage.nodes.items() if node.kind == "dbt"]
    found = {name: model_lineage(lineage, name).deps_by_column for name in models}

    assert {dep.asset_key for columns in found.values() for deps in columns.values() for dep in deps} <= keys
    assert {asset_key(name) for name in models} <= keys
    assert found["marts.mart_financeiro__credit_exposure"]["region"] == [
        dg.TableColumnDep(dg.AssetKey(["staging", "financeiro", "loans"]), "region")
    ]


def test_raw_columns_lead_to_the_columns_of_the_files(keys: set[dg.AssetKey]) -> None:
    for contract in load_contracts():
        deps = raw_lineage(contract).deps_by_column
        assert {dep.asset_key for column in deps.values() for dep in column} <= keys
        assert {dep.column_name for column in deps.values() for dep in column} == {column.physical_name for column in contract.columns}


def test_a_built_model_carries_its_column_lineage_and_is_told_of_and_other_events_pass_untouched(tmp_path: Path) -> None:
    key = dg.AssetKey(["staging", "comercial", "leads"])

    @dg.multi_asset(specs=[dg.AssetSpec(key), dg.AssetSpec(["other"])])
    def build(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
        events = [dg.Output(None, name, metadata={"kept": 1}) for name in sorted(context.op_execution_context.selected_output_names)]
        yield from with_column_lineage(context, events, tmp_path)

    result = dg.materialize([build])
    by_key = {event.asset_key: event.metadata for event in result.asset_materializations_for_node("build")}
    lineage = by_key[key][COLUMN_LINEAGE].value

    assert isinstance(lineage, dg.TableColumnLineage)
    assert lineage.deps_by_column["contacted_on"] == [dg.TableColumnDep(dg.AssetKey(["raw", "comercial", "leads"]), "first_contact_date")]
    assert by_key[key]["kept"].value == 1
    assert COLUMN_LINEAGE not in by_key[dg.AssetKey(["other"])]
    told = [json.loads(line) for line in (tmp_path / "lineage" / "events.ndjson").read_text(encoding="utf-8").splitlines()]
    assert [(event["eventType"], event["job"]["name"]) for event in told] == [
        ("START", "dbt.staging.stg_comercial__leads"),
        ("COMPLETE", "dbt.staging.stg_comercial__leads"),
    ]
