"""What holds for every asset, declared once: how fresh its group must be, where its code is, what a failure means for a retry.

A run whose step failed is run again from that step (`run_retries` in deploy/dagster.yaml), but not where trying again will not help:
a hook on every asset marks such a run. Hooks are on assets, because those of a job miss the runs that sensors and people ask for.
"""

import warnings
from collections.abc import Iterable, Iterator
from datetime import timedelta

import dagster as dg

from eco_assets.defs.describe import files_of
from eco_assets.errors import is_transient
from eco_assets.settings import PROJECT_ROOT

CODE = "dagster/code_references"
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


def with_whole_graph_rules(
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec], source_url: str | None = None
) -> Iterator[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with their group's freshness, where they declare none, with links to their code, and with the failure hook.

    Args:
        assets: of every layer.
        source_url: address of the project's folder in a repository's web pages; without it the links name files of this machine.
    """

    def rule(spec: dg.AssetSpec) -> dg.AssetSpec:
        return _with_code(_fresh(spec), source_url)

    for asset in assets:
        ruled = asset.map_asset_specs(rule) if isinstance(asset, dg.AssetsDefinition) else rule(asset)
        yield ruled.with_hooks({permanent_failures_stay}) if isinstance(ruled, dg.AssetsDefinition) and ruled.is_executable else ruled


def _fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
    policy = FRESHNESS.get(spec.group_name or "")
    is_windowed = spec.freshness_policy is None and policy is not None
    return spec.replace_attributes(freshness_policy=policy) if is_windowed else spec


def _with_code(spec: dg.AssetSpec, source_url: str | None) -> dg.AssetSpec:
    files = files_of(spec.code_version or "")
    if not files:
        return spec
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # the UI shows them all the same; a change would fail the test of the links
        links = dg.CodeReferencesMetadataValue(code_references=[_link(file, source_url) for file in files])
    return spec.merge_attributes(metadata={CODE: links})


def _link(file: str, source_url: str | None) -> dg.LocalFileCodeReference | dg.UrlCodeReference:
    if source_url is not None:
        return dg.UrlCodeReference(url=f"{source_url.rstrip('/')}/{file}", label=file)
    return dg.LocalFileCodeReference(file_path=str(PROJECT_ROOT / file), label=file)


__all__ = ["FRESHNESS", "RETRY_TAG", "permanent_failures_stay", "with_whole_graph_rules"]
