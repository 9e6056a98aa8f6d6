"""Raw assets: one for each contract of a file or stream source, landed, checked and loaded a domain at a time.

A file that breaks its contract fails the blocking check `contract` of its asset, so nothing downstream runs in that run; what was
accepted before stays in the lake. Reading and checking files is `eco_assets/aurion`'s.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby

import dagster as dg

from eco_assets.aurion.landing import Landed
from eco_assets.aurion.metrics import SourceFigures, figures
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.defs.describe import common, day_of
from eco_assets.defs.lineage import COLUMN_LINEAGE, raw_lineage
from eco_assets.defs.measure import measured
from eco_assets.lineage.tell import tell_loads
from eco_assets.platform import Platform
from eco_assets.settings import PROJECT_ROOT
from resources.platform import PlatformResource

CHECK = "contract"


def raw_key(contract: Contract) -> dg.AssetKey:
    """`raw/<domain>/<entity>`."""
    return dg.AssetKey(["raw", contract.domain, contract.entity])


def source_key(contract: Contract) -> dg.AssetKey:
    """`source/<domain>/<entity>`: the files outside."""
    return dg.AssetKey(["source", contract.domain, contract.entity])


def _source_spec(contract: Contract) -> dg.AssetSpec:
    return dg.AssetSpec(
        source_key(contract),
        description=f"Files {contract.glob}, as their publisher writes them. {contract.description}",
        metadata={"glob": contract.glob, "clock": contract.clock, "cadence": contract.cadence},
        **common("sources", contract.domain, [contract.file_format, "file"], [_path(contract)]),
    )


def raw_spec(contract: Contract) -> dg.AssetSpec:
    """The raw asset of a contract."""
    code = [_path(contract), "eco_assets/aurion", "eco_assets/contracts/check.py"]
    return dg.AssetSpec(
        raw_key(contract),
        deps=[source_key(contract)],
        description=f"{contract.description} Contract {contract.version}: `{_path(contract)}`.",
        skippable=True,
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=[_column(contract, name) for name in range(len(contract.columns))]),
            "dagster/table_name": f"raw.{contract.table}",
            "contract_version": contract.version,
        },
        **common("aurion", contract.domain, ["duckdb", "parquet", "dlt"], code),
    )


def contract_check(contract: Contract) -> dg.AssetCheckSpec:
    """The blocking check that every batch holds its contract."""
    said = f"Every batch of {contract.table} holds contract {contract.version}."
    return dg.AssetCheckSpec(CHECK, asset=raw_key(contract), blocking=True, description=said)


def _column(contract: Contract, number: int) -> dg.TableColumn:
    column = contract.columns[number]
    tags = {"classification": column.classification, **({"personal_data": ""} if column.is_personal else {})}
    constraints = dg.TableColumnConstraints(nullable=not column.is_required, unique=column.is_unique)
    return dg.TableColumn(column.name, column.sql_type, description=column.description, constraints=constraints, tags=tags)


def _path(contract: Contract) -> str:
    """The contract's file, below the project where it is part of it."""
    is_ours = contract.path.is_relative_to(PROJECT_ROOT)
    return contract.path.relative_to(PROJECT_ROOT).as_posix() if is_ours else contract.path.as_posix()


def _domain_assets(domain: str, contracts: list[Contract]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"aurion_{domain}",
        specs=[raw_spec(contract) for contract in contracts],
        check_specs=[contract_check(contract) for contract in contracts],
        can_subset=True,
        pool="lake",
    )
    def ingest(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        chosen = [contract for contract in contracts if raw_key(contract) in context.selected_asset_keys]
        engines = platform.get()
        began = _earliest(engines)
        with measured(engines, context, domain):
            ingested = engines.ingest(domain, chosen)
        tell_loads(engines.settings.home, ingested, began)
        told = {figure.table: figure for figure in figures(engines.lake, chosen, (), day_of(context))}
        for landed in ingested:
            yield reported(landed, told.get(landed.contract.table))

    return ingest


def _earliest(engines: Platform) -> datetime:
    """When the oldest batch was judged that is not loaded yet: the business day is asked for before the sources are loaded."""
    waiting = [datetime.fromisoformat(batch.at).replace(tzinfo=UTC) for batch in engines.landing.batches.list(status="validated")]
    return min([datetime.now(UTC), *waiting])


def reported(landed: Landed, figure: SourceFigures | None = None) -> dg.MaterializeResult | dg.AssetCheckResult:
    """What Dagster is told of a source: a materialization with its verdict, or the verdict alone when it was refused."""
    verdict = _verdict(landed)
    if not landed.is_accepted:
        return verdict
    return dg.MaterializeResult(
        asset_key=raw_key(landed.contract),
        metadata={**_metadata(landed), **(_totals(figure) if figure else {})},
        data_version=dg.DataVersion(_data_version(landed)),
        check_results=[verdict],
    )


def _verdict(landed: Landed) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.WARN if landed.is_accepted else dg.AssetCheckSeverity.ERROR
    told = (*landed.reasons, *landed.changes)
    reasons = "\n".join(f"- {reason}" for reason in told[:50])
    return dg.AssetCheckResult(
        asset_key=raw_key(landed.contract),
        check_name=CHECK,
        passed=not told,
        severity=severity,
        description=told[0] if told else f"{len(landed.batches)} batch(es), every row holds the contract",
        metadata={
            "files": len(landed.batches),
            "files_quarantined": len(landed.quarantined),
            "rows_quarantined": sum(batch.rejected for batch in landed.batches),
            "reasons": dg.MetadataValue.md(reasons or "none"),
            "schema_changes": len(landed.changes),
            "contract_version": landed.contract.version,
        },
    )


def _metadata(landed: Landed) -> dict[str, int | dg.MetadataValue]:
    return {
        "dagster/row_count": sum(batch.rows for batch in landed.batches),
        COLUMN_LINEAGE: dg.MetadataValue.column_lineage(raw_lineage(landed.contract)),
        "files": len(landed.batches),
        "files_gone": dg.MetadataValue.text(", ".join(landed.gone) or "none"),
        "rows_quarantined": sum(batch.rejected for batch in landed.batches),
        "bytes": sum(batch.bytes for batch in landed.batches),
        "batches": dg.MetadataValue.md("\n".join(f"- `{batch.batch_id}` {batch.file}: {batch.rows} rows" for batch in landed.batches[:50])),
    }


def _totals(figure: SourceFigures) -> dict[str, int | float]:
    lag = {} if figure.lag_days is None else {"lag_days": figure.lag_days}
    totals = {"rows_loaded_total": figure.rows_total, "bytes_loaded_total": figure.bytes_total, "loads": figure.loads}
    return {**totals, "schema_changes_total": figure.schema_changes, **lag}


def _data_version(landed: Landed) -> str:
    return hashlib.sha256("|".join(sorted(f"{batch.batch_id}:{batch.rows}" for batch in landed.batches)).encode()).hexdigest()[:16]


def aurion_assets() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Source specs and one multi-asset a domain."""
    contracts = load_contracts()
    domains = groupby(contracts, key=lambda contract: contract.domain)
    return [
        *(_source_spec(contract) for contract in contracts if contract.server == "files"),
        *(_domain_assets(name, list(group)) for name, group in domains),
    ]


__all__ = ["CHECK", "aurion_assets", "contract_check", "raw_key", "raw_spec", "reported", "source_key"]
