"""Quality as asset checks: what warns lets the business go on, what blocks stops it, and both show masked rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from quality_house import DAY, Bakery, sales, unique

from eco_assets.contracts.contract import load_contracts
from eco_assets.defs.aurion import raw_key
from eco_assets.defs.quality import quality_checks, table_checks
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from resources.platform import PlatformResource

SALES = dg.AssetKey(["raw", "padaria", "sales"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def run(bakery: Bakery, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Materialize the raw table, its checks and something that comes after, as a job of a business day does."""
    platform = Platform(Settings(home=bakery.root, data=bakery.root / "data"))

    @dg.asset(key=SALES)
    def raw_sales() -> None:
        bakery.ingest("sales")

    @dg.asset(deps=[SALES])
    def mart() -> None: ...

    definitions = dg.Definitions(
        assets=[raw_sales, mart],
        asset_checks=[table_checks("padaria", [bakery.contract("sales")])],
        jobs=[dg.define_asset_job("all", executor_def=dg.in_process_executor)],
        resources={"platform": PlatformResource.of(platform)},
    )
    return definitions.resolve_job_def("all").execute_in_process(
        instance=instance, raise_on_error=False, tags={"dagster/partition": DAY.isoformat()}
    )


def evaluation(result: dg.ExecuteInProcessResult, check: str) -> dg.AssetCheckEvaluation:
    (found,) = [each for each in result.get_asset_check_evaluations() if each.check_name == check]
    return found


def shown(found: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in found.metadata.items()}


def test_a_warning_is_shown_with_masked_rows_and_the_business_goes_on(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    bakery = Bakery(tmp_path, sales={"quality": [unique("customer")]})
    bakery.deliver("sales", [*sales(3), [9, 1, DAY, "pão", 5, "Cliente 0"]])

    result = run(bakery, instance)

    found = evaluation(result, "uniqueness")
    assert (result.success, found.passed, found.severity) == (True, False, dg.AssetCheckSeverity.WARN)
    assert shown(found)["sample"].count("•••") == 2
    assert "Cliente" not in json.dumps({name: str(value) for name, value in shown(found).items()})
    assert "1 rows repeat customer" in (found.description or "")
    assert instance.get_latest_materialization_event(dg.AssetKey("mart")) is not None


def test_a_rule_of_severity_error_stops_what_comes_after(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    bakery = Bakery(tmp_path, sales={"quality": [unique("product", severity="error")]})
    bakery.deliver("sales", sales(10))

    result = run(bakery, instance)

    found = evaluation(result, "uniqueness")
    assert (result.success, found.passed, found.severity, found.blocking) == (False, False, dg.AssetCheckSeverity.ERROR, True)
    assert instance.get_latest_materialization_event(SALES) is not None
    assert instance.get_latest_materialization_event(dg.AssetKey("mart")) is None


def test_a_rule_that_holds_passes_and_says_what_it_saw(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    bakery = Bakery(tmp_path, sales={"quality": [unique("sale_id", severity="error")]})
    bakery.deliver("sales", sales(10))

    found = evaluation(run(bakery, instance), "uniqueness")

    assert found.passed
    assert found.description == "0 of 10 rows repeat sale_id of another row"


def test_each_domain_is_one_step_with_the_checks_of_its_contracts() -> None:
    found = {checks.op.name: checks for checks in quality_checks()}

    assert set(found) == {f"aurion_quality_{contract.domain}" for contract in load_contracts() if contract.server == "files"}
    for name, checks in found.items():
        assert {key.asset_key.path[1] for key in checks.check_keys} == {name.removeprefix("aurion_quality_")}
    orders = raw_key(next(contract for contract in load_contracts() if contract.table == "varejo.orders"))
    specs = {spec.name: spec for spec in found["aurion_quality_varejo"].check_specs if spec.asset_key == orders}
    assert {name: spec.blocking for name, spec in specs.items()} == {
        "uniqueness": False,
        "references": False,
        "freshness": False,
        "volume": True,
        "distribution": False,
    }
    assert all(spec.description and spec.description.endswith(".") for spec in specs.values())
