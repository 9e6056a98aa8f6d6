"""Online contexts as assets: one a decision point, published for the day and held against the lake. What `eco serve` decides on.

The work is done by `eco_assets/mcp/online.py`; the decisions of the same day are made from the same contexts by `defs/decisions.py`.
"""

from collections.abc import Iterator

import dagster as dg

from eco_assets.aurion.features.store import open_online
from eco_assets.defs.describe import code_version, common, day_of
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.tables import assets_read_by
from eco_assets.mcp.batch import read_contexts
from eco_assets.mcp.online import Published, differences, publish
from eco_assets.mcp.policies import Policy, load_policies
from eco_assets.model_versions import model_versions
from resources.platform import PlatformResource

CHECK = "parity"
SHOWN = 10


def online_key(policy: Policy) -> dg.AssetKey:
    """`online/<agent>/<point>`."""
    return dg.AssetKey(["online", policy.agent, policy.point])


def _online(policy: Policy) -> dg.AssetsDefinition:
    key = online_key(policy)
    features = code_version(*(f"dbt_project/models/{layer}/{policy.agent}" for layer in ("staging", "features", "marts")))

    @dg.asset(
        key=key,
        deps=assets_read_by(policy.query),
        partitions_def=DAILY,
        description=f"What one decision of {policy.name} is made from while somebody waits: every {policy.subject} of the day, by its id.",
        check_specs=[
            dg.AssetCheckSpec(
                CHECK, asset=key, blocking=True, description="What is served of each subject is what the lake says about it on that day."
            )
        ],
        **common("online", policy.agent, ["python", "policy"], [f"eco_assets/mcp/policies/{policy.name}.yaml", "eco_assets/mcp/online.py"]),
    )
    def serve(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with measured(engines, context, policy.agent):
            models = model_versions(engines, policy, day)
            store = open_online(engines.settings)
            done = publish(store, policy.name, day, read_contexts(engines.lake, policy, day, models, features))
            found = differences(store, policy.name, read_contexts(engines.lake, policy, day, models, features)) if done.is_served else []
        return dg.MaterializeResult(metadata=_metadata(done), check_results=[_parity(done, found)])

    return serve


def _metadata(done: Published) -> dict[str, dg.MetadataValue | int | str | bool]:
    return {
        "dagster/row_count": done.edition.subjects,
        "served_day": done.edition.as_of,
        "is_served": done.is_served,
        "is_new": done.is_new,
        "digest": done.edition.digest,
    }


def _parity(done: Published, found: list[str]) -> dg.AssetCheckResult:
    """A day that is not served, because a later one is, has nothing that could differ."""
    lines = "\n".join(f"- {line}" for line in found[:SHOWN])
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=not found,
        metadata={
            "subjects": done.edition.subjects if done.is_served else 0,
            "differences": len(found),
            "reasons": dg.MetadataValue.md(lines or "none"),
        },
    )


def online_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset a policy."""
    for policy in load_policies().values():
        yield _online(policy)
