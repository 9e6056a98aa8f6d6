"""Decisions: one asset a policy. Each materialization decides about the day's subjects that are not decided yet.

The engine, the policies and the ledger are in `eco_assets/mcp` and `eco_assets/ledger.py`.
"""

from collections import Counter
from collections.abc import Iterator

import dagster as dg

from eco_assets.defs.describe import code_version, common, day_of, trace_of
from eco_assets.defs.measure import measured
from eco_assets.defs.partitions import DAILY
from eco_assets.defs.plots import decision_mix, picture
from eco_assets.defs.tables import assets_read_by
from eco_assets.errors import PolicyError
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.mcp.batch import Decided, decide_day, read_contexts
from eco_assets.mcp.policies import Policy, load_policies
from eco_assets.model_versions import model_versions
from ml.families import FAMILIES
from resources.platform import PlatformResource

RECORDED, GUARDED, SOUND = "in_the_ledger", "guardrails_kept", "nothing_failed"
BLOCKING = (RECORDED, GUARDED)


def decision_key(policy: Policy) -> dg.AssetKey:
    """`decisions/<agent>/<point>`."""
    return dg.AssetKey(["decisions", policy.agent, policy.point])


def _decisions(policy: Policy) -> dg.AssetsDefinition:
    key = decision_key(policy)
    features = code_version(*(f"dbt_project/models/{layer}/{policy.agent}" for layer in ("staging", "features", "marts")))

    @dg.asset(
        key=key,
        deps=assets_read_by(policy.query),
        partitions_def=DAILY,
        description=f"{policy.description} Policy {policy.version}; every decision is in the ledger with its alternatives and inputs.",
        check_specs=[
            dg.AssetCheckSpec(RECORDED, asset=key, blocking=True, description="Every subject of the day has its decision in the ledger."),
            dg.AssetCheckSpec(
                GUARDED, asset=key, blocking=True, description="Actions and cost of the day stay within the policy's guardrails."
            ),
            dg.AssetCheckSpec(SOUND, asset=key, description="No subject got the safe action because an input or an expression failed."),
        ],
        **common(
            "decisions", policy.agent, ["python", "policy"], [f"eco_assets/mcp/policies/{policy.name}.yaml", "eco_assets/mcp/engine.py"]
        ),
    )
    def decide(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:
        engines, day = platform.get(), day_of(context)
        with measured(engines, context, policy.agent):
            models = model_versions(engines, policy, day)
            contexts = read_contexts(engines.lake, policy, day, models, features)
            gateway = engines.gateway if policy.ask else None
            decided = decide_day(engines.ledger, policy, contexts, trace_of(context), gateway)
        words = {action.name: action.label for action in policy.actions}
        known = engines.ledger.known("decision", (decision["decision_id"] for decision in decided.decisions))
        return dg.MaterializeResult(
            metadata={**_metadata(decided), **picture(decision_mix(policy.agent, decided.decisions, words))},
            check_results=[
                dg.AssetCheckResult(check_name=RECORDED, passed=len(known) == len(contexts), metadata={"subjects": len(contexts)}),
                _guarded(policy, decided),
                _sound(decided),
            ],
        )

    return decide


def _guarded(policy: Policy, decided: Decided) -> dg.AssetCheckResult:
    acting = [decision for decision in decided.decisions if decision["workflow"]]
    cost = sum(decision["cost_brl"] for decision in acting)
    limits = policy.guardrails
    return dg.AssetCheckResult(
        check_name=GUARDED,
        passed=len(acting) <= limits.max_actions_per_day and cost <= limits.max_cost_brl_per_day + 0.01,
        metadata={
            "actions": len(acting),
            "cost_brl": cost,
            "max_actions": limits.max_actions_per_day,
            "max_cost_brl": limits.max_cost_brl_per_day,
        },
    )


def _sound(decided: Decided) -> dg.AssetCheckResult:
    failed = [decision for decision in decided.decisions if decision.get("errors")]
    causes = Counter(f"{error['where']}: {error['message']}" for decision in failed for error in decision["errors"])
    table = "\n".join(f"| {cause.replace('|', '/')} | {count} |" for cause, count in causes.most_common(10))
    return dg.AssetCheckResult(
        check_name=SOUND,
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"subjects": len(failed), "causes": dg.MetadataValue.md(f"| cause | subjects |\n|---|---|\n{table}")},
    )


def _metadata(decided: Decided) -> dict[str, int | float | dg.MetadataValue]:
    actions: dict[str, int] = {}
    for decision in decided.decisions:
        actions[decision["action"]] = actions.get(decision["action"], 0) + 1
    table = "\n".join(f"| {action} | {count} |" for action, count in sorted(actions.items(), key=lambda item: -item[1]))
    return {
        "dagster/row_count": len(decided.decisions),
        "new_decisions": decided.added,
        "awaiting_approval": sum(decision["requires_approval"] for decision in decided.decisions),
        "expected_value_brl": round(sum(decision["value_brl"] for decision in decided.decisions), 2),
        "actions": dg.MetadataValue.md(f"| action | decisions |\n|---|---|\n{table}"),
        **_engine_metadata(decided),
    }


def _engine_metadata(decided: Decided) -> dict[str, int | float | dg.MetadataValue]:
    """What rules held, what was drawn to learn, what was asked and what that cost."""
    rules = Counter(rule for decision in decided.decisions for rule in decision.get("rules", ()))
    answers = [answer for decision in decided.decisions for answer in decision.get("answers", {}).values() if "question" in answer]
    return {
        "rules": dg.MetadataValue.json(dict(rules)),
        "explored": sum(bool((decision.get("exploration") or {}).get("is_explored")) for decision in decided.decisions),
        "questions": len(answers),
        "answered": sum(answer["choice"] is not None for answer in answers),
        "tokens": sum(decision["tokens"] for decision in decided.decisions),
        "cost_usd": sum(decision["cost_usd"] for decision in decided.decisions),
    }


def _refuse_unknown_names(policy: Policy) -> None:
    """Raise `PolicyError` when a policy names a workflow or a model that does not exist, before anything is decided with it."""
    named = {action.workflow for action in policy.actions if action.workflow}
    models = {*policy.models, *policy.inputs.optional_models}
    for kind, unknown, known in (("workflow", named - set(WORKFLOWS), WORKFLOWS), ("model", models - set(FAMILIES), FAMILIES)):
        if unknown:
            raise PolicyError(f"policy {policy.name}: no {kind} {sorted(unknown)[0]!r}; the known ones are {', '.join(sorted(known))}")


def decision_assets() -> Iterator[dg.AssetsDefinition]:
    """One asset a policy. Raises `PolicyError` when one names what does not exist."""
    for policy in load_policies().values():
        _refuse_unknown_names(policy)
        yield _decisions(policy)
