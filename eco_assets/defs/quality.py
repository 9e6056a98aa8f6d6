"""Quality of the raw tables as asset checks, compiled from the contracts and judged a domain at a time by `eco_assets/aurion/quality`.

A check blocks what comes after only by rules whose severity is error; the others warn, and the business goes on.
"""

from collections.abc import Iterator
from datetime import date
from itertools import groupby

import dagster as dg

from eco_assets.aurion.quality.examine import examine
from eco_assets.aurion.quality.findings import Finding, as_markdown
from eco_assets.aurion.quality.rules import Rule, checks_of
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.defs.aurion import raw_key
from resources.platform import PlatformResource


def _spec(contract: Contract, check: str, rules: tuple[Rule, ...]) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        check,
        asset=raw_key(contract),
        blocking=any(rule.severity == "error" for rule in rules),
        description=f"Of {contract.table}, by contract {contract.version}: {'; '.join(rule.words for rule in rules)}.",
    )


def table_checks(name: str, contracts: list[Contract]) -> dg.AssetChecksDefinition:
    """The checks of some tables as one step: a domain's, or those of a connection."""
    specs = [_spec(contract, check, rules) for contract in contracts for check, rules in checks_of(contract).items()]

    @dg.multi_asset_check(name=f"aurion_quality_{name}", specs=specs, can_subset=True, pool="lake")
    def judge(context: dg.AssetCheckExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetCheckResult]:
        engines, selected = platform.get(), context.selected_asset_check_keys
        tables = {key.asset_key for key in selected}
        day = context.run.tags.get("dagster/partition")
        chosen = [contract for contract in contracts if raw_key(contract) in tables]
        found = examine(engines.lake, chosen, date.fromisoformat(day) if day else engines.business_date())
        for contract in chosen:
            for check in checks_of(contract):
                key = dg.AssetCheckKey(raw_key(contract), check)
                if key in selected:
                    yield _result(key, [each for each in found if (each.rule.table, each.rule.check) == (contract.table, check)])

    return judge


def _result(key: dg.AssetCheckKey, found: list[Finding]) -> dg.AssetCheckResult:
    broken = [finding for finding in found if not finding.is_ok]
    told = broken or [finding for finding in found if finding.is_judged] or found
    samples = "\n\n".join(f"{finding.words}\n\n{as_markdown(finding.sample)}" for finding in broken if finding.sample)
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if any(finding.is_blocking for finding in broken) else dg.AssetCheckSeverity.WARN,
        description=told[0].words,
        metadata={
            "rules": len(found),
            "not_judged": sum(not finding.is_judged for finding in found),
            "broken": dg.MetadataValue.md("\n".join(f"- {finding.words}; wanted {finding.rule.limit}" for finding in broken) or "none"),
            "findings": dg.MetadataValue.md("\n".join(f"- {finding.words}" for finding in found)),
            "sample": dg.MetadataValue.md(samples or "none"),
        },
    )


def quality_checks() -> Iterator[dg.AssetChecksDefinition]:
    """The checks of each domain's tables, one step a domain."""
    for domain, group in groupby(load_contracts(), key=lambda contract: contract.domain):
        yield table_checks(domain, list(group))


__all__ = ["quality_checks", "table_checks"]
