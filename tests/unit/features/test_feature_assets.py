"""The feature store in the graph: one asset a view, behind the table that it reads, with parity as a blocking check."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from feature_house import fill

from eco_assets.aurion.features.online import Kept
from eco_assets.aurion.features.store import open_store
from eco_assets.aurion.features.views import load_views
from eco_assets.defs.features import CHECK, feature_assets, source_key, view_key
from eco_assets.defs.partitions import DAILY
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from resources.platform import PlatformResource

DAY = date(2026, 10, 31)
VIEW = load_views()["category_demand"]


@pytest.fixture(scope="module")
def assets() -> dict[dg.AssetKey, dg.AssetsDefinition]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return {asset.key: asset for asset in feature_assets()}


@pytest.fixture
def built(tmp_path: Path) -> Platform:
    """A platform whose lake has the demand of two categories on two days."""
    platform = Platform(Settings(home=tmp_path / "home", data=tmp_path, lake_wait_s=20))
    days = [date(2026, 10, 30), DAY] * 2
    demand = {"as_of": days, "category": ["livros", "livros", "bebes", "bebes"], "units_7d": pa.array([1, 2, 3, 4], pa.int64())}
    numbers = {name: pa.array([0.5] * 4) for name in ("daily_mean_28d", "daily_std_28d", "price_mean_brl", "late_share_90d")}
    table = pa.table({**demand, "units_28d": pa.array([9] * 4, pa.int64()), **numbers, "last_sale_on": days})
    fill(platform.lake, table, VIEW.source.table)
    return platform


def run(assets: dict[dg.AssetKey, dg.AssetsDefinition], platform: Platform) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [assets[view_key(VIEW)]],
            partition_key=DAY.isoformat(),
            resources={"platform": PlatformResource.of(platform)},
            instance=instance,
            raise_on_error=False,
        )


def test_every_view_is_an_asset_of_its_agent_behind_its_table(assets: dict[dg.AssetKey, dg.AssetsDefinition]) -> None:
    assert set(assets) == {dg.AssetKey(["feature_store", view.agent, view.name]) for view in load_views().values()}
    for view in load_views().values():
        asset = assets[view_key(view)]
        spec = asset.get_asset_spec()
        assert [dep.asset_key for dep in spec.deps] == [source_key(view)]
        assert (spec.group_name, list(spec.owners), spec.tags["agent"]) == ("feature_store", [f"team:{view.agent}"], view.agent)
        assert spec.partitions_def == DAILY
        assert spec.code_version
        assert [(check.name, check.blocking) for check in asset.check_specs] == [(CHECK, True)]
        assert [column.name for column in spec.metadata["dagster/column_schema"].columns] == [*view.key_names, *view.feature_names]
    assert source_key(load_views()["seller"]) == dg.AssetKey(["raw", "comercial", "closed_deals"])
    assert source_key(VIEW) == dg.AssetKey(["marts", "varejo", "replenishment"])


def test_a_run_serves_the_day_and_says_how_fresh_it_is(assets: dict[dg.AssetKey, dg.AssetsDefinition], built: Platform) -> None:
    result = run(assets, built)

    assert result.success
    metadata = result.asset_materializations_for_node("feature_store__varejo__category_demand")[0].metadata
    assert metadata["dagster/row_count"].value == 2
    assert metadata["age_hours"].value == 0
    assert metadata["online_store"].value == "sqlite"
    assert metadata["through"].value == "2026-11-01T03:00:00+00:00"
    [check] = result.get_asset_check_evaluations()
    assert (check.passed, check.metadata["keys"].value) == (True, 2)
    store = open_store(built.lake, built.settings)
    served = store.get(["category_demand:units_7d"], [{"category": "livros"}], at=VIEW.end_of(DAY))[0]["category_demand"]
    assert served.values == {"units_7d": 2}


def test_a_difference_between_training_and_serving_fails_the_run_and_names_the_key(
    assets: dict[dg.AssetKey, dg.AssetsDefinition], built: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eco_assets.aurion.features.online_sqlite import SqliteWriter

    def wrongly(self: SqliteWriter, through_us: int, finish: object = SqliteWriter.finish) -> None:
        self.put([Kept('["fantasma"]', through_us, None, b'[7,7,0.5,0.5,0.5,0.5,"2026-10-31"]')])
        finish(self, through_us)  # type: ignore[operator]

    monkeypatch.setattr(SqliteWriter, "finish", wrongly)

    result = run(assets, built)

    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert "fantasma" in str(check.metadata["reasons"].value)
