"""The dbt project as assets, an agent at a time, so that a refused file of one agent stops no other.

Staging and features are made anew when what they read changed (`dbt_project/macros/unchanged.sql`); marts keep one snapshot a business day.
Models and their tests are SQL in `dbt_project`.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from eco_assets.defs.describe import day_of, made_of
from eco_assets.defs.lineage import with_column_lineage
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.settings import AGENTS
from resources.dbt import DbtResource, dbt_project
from resources.platform import PlatformResource

DOMAINS = (*AGENTS, "financeiro")
_LAYER = {"stg": "staging", "feat": "features", "mart": "marts"}
# The schedule `daily` builds both layers at 05:00: a build that is two hours late warns, a day without one fails.
_DAILY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=48))
FRESHNESS = {"features": _DAILY, "marts": _DAILY}


class Translator(DagsterDbtTranslator):
    """Names and describes dbt's nodes as the rest of the graph is named: `layer/agent/entity`."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        """The asset of one dbt node."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] != "model":
            return spec
        key = model_key(node["name"])
        layer, agent, _ = key.path
        return spec.replace_attributes(
            key=key,
            code_version=made_of(spec.code_version or node["checksum"]["checksum"], f"dbt_project/{node['original_file_path']}"),
            group_name="phd",
            owners=[f"team:{agent}"],
            kinds={"dbt", "duckdb"},
            tags={"agent": agent, "layer": layer},
            partitions_def=DAILY if layer == "marts" else None,
            freshness_policy=FRESHNESS.get(layer),
        )

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`raw/domain/entity` for a source, `layer/agent/entity` for a model."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(["raw", dbt_resource_props["source_name"], dbt_resource_props["name"]])
        if dbt_resource_props["resource_type"] == "model":
            return model_key(dbt_resource_props["name"])
        return super().get_asset_key(dbt_resource_props)


def model_key(name: str) -> dg.AssetKey:
    """`mart_varejo__replenishment` is `marts/varejo/replenishment`."""
    prefix, rest = name.split("_", 1)
    agent, entity = rest.split("__")
    return dg.AssetKey([_LAYER[prefix], agent, entity])


def _agent_assets(domain: str) -> dg.AssetsDefinition:
    translator = Translator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    @dbt_assets(
        manifest=dbt_project().manifest_path,
        project=dbt_project(),
        name=f"phd_{domain}",
        select=f"path:models/*/{domain}",
        dagster_dbt_translator=translator,
        pool="lake",
    )
    def build(context: dg.AssetExecutionContext, dbt: DbtResource, platform: PlatformResource) -> Iterator[Any]:
        engines = platform.get()
        days = {"as_of": day_of(context).isoformat(), "anchor": engines.business_date().isoformat()}
        with measured(engines, context, domain), engines.lake.writing():
            yield from with_column_lineage(context, dbt.build(context, translator, days, engines.lake), engines.settings.home)

    return build


def phd_assets() -> list[dg.AssetsDefinition]:
    """One multi-asset an agent, and one for the finance data that all share."""
    return [_agent_assets(domain) for domain in DOMAINS]
