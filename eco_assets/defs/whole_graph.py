"""What holds for every asset, declared once: how fresh its group must be, and what a failure means for the run's retry.

A run whose step failed is run again from that step (`run_retries` in deploy/dagster.yaml), but not where trying again will not help:
a hook on every asset marks such a run. Hooks are on assets, because those of a job miss the runs that sensors and people ask for.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import dagster as dg

from eco_assets.errors import is_transient

RETRY_TAG = "dagster/retry_on_asset_or_op_failure"
_DAILY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=48))
_WEEKLY = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=8), fail_window=timedelta(days=10))
# By group. What is made on demand (exports, connections, the catalogue) or never by us (sources) owes no freshness.
FRESHNESS = {
    **dict.fromkeys(("aurion", "phd", "models", "decisions", "online", "executions", "finops", "slo", "reports", "feature_store"), _DAILY),
    **dict.fromkeys(("weekly_models", "evaluations"), _WEEKLY),
}


@dg.failure_hook(name="permanent_failures_stay")
def permanent_failures_stay(context: dg.HookContext) -> None:
    """Mark the run, so that Dagster does not run it again, unless the same step may go through later."""
    if not is_transient(context.op_exception):
        context.instance.add_run_tags(context.run_id, {RETRY_TAG: "false"})


def with_whole_graph_rules(assets: Iterable[dg.AssetsDefinition | dg.AssetSpec]) -> Iterator[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with their group's freshness, where they declare none, and with the failure hook."""
    for asset in assets:
        ruled = asset.map_asset_specs(_fresh) if isinstance(asset, dg.AssetsDefinition) else _fresh(asset)
        yield ruled.with_hooks({permanent_failures_stay}) if isinstance(ruled, dg.AssetsDefinition) and ruled.is_executable else ruled


def _fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
    policy = FRESHNESS.get(spec.group_name or "")
    is_windowed = spec.freshness_policy is None and policy is not None
    return spec.replace_attributes(freshness_policy=policy) if is_windowed else spec


__all__ = ["FRESHNESS", "RETRY_TAG", "permanent_failures_stay", "with_whole_graph_rules"]
