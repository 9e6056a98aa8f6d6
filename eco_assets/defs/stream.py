"""What a resident ingester writes, seen by Dagster: a source asset that is observed, and the job that loads what arrived.

The ingester is no run of Dagster: it never ends. Dagster observes its files and heartbeats; `sensors/arrivals.py` asks for the loads.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import dagster as dg

from eco_assets.aurion.stream.inbox import Waiting, waiting
from eco_assets.aurion.stream.ingester import heartbeats
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.defs.aurion import raw_key, source_key
from eco_assets.defs.describe import common
from eco_assets.defs.phd import model_key
from resources.platform import PlatformResource

# dbt models that take part in each load; their own SQL reads only what is new.
UPDATED = {"industrial": ("stg_industrial__machine_readings", "feat_industrial__reading_windows")}
INGESTER = "ingester"  # below ECO_HOME: what the resident process says of itself


def inbox_contracts() -> tuple[Contract, ...]:
    """The contracts whose files a resident ingester writes."""
    return tuple(contract for contract in load_contracts() if contract.server == "inbox")


def arrival_job(domain: str) -> str:
    """Name of the job that loads what arrived for a domain; its sensor starts it."""
    return f"arrivals_{domain}"


def stream_sources(contracts: Sequence[Contract] | None = None) -> Iterator[dg.AssetsDefinition]:
    """One observation a domain, of all its inbox folders."""
    for domain, group in _by_domain(contracts):
        yield _observed(domain, group)


def arrival_jobs(
    contracts: Sequence[Contract] | None = None, updated: Mapping[str, Sequence[str]] = UPDATED
) -> Iterator["dg.UnresolvedAssetJobDefinition"]:
    """One job a domain: observes its inbox, loads it and updates what is made of it with each load; the rest is for the daily jobs."""
    for domain, group in _by_domain(contracts):
        loaded = [key for contract in group for key in (source_key(contract), raw_key(contract))]
        yield dg.define_asset_job(
            arrival_job(domain),
            selection=[*loaded, *(model_key(model) for model in updated.get(domain, ()))],
            executor_def=dg.in_process_executor,
            description=f"Loads what the resident ingester wrote for {domain}.",
            tags={"agent": domain},
        )


def _by_domain(contracts: Sequence[Contract] | None) -> Iterator[tuple[str, list[Contract]]]:
    chosen = inbox_contracts() if contracts is None else contracts
    for domain, group in groupby(chosen, key=lambda contract: contract.domain):
        yield domain, list(group)


def _observed(domain: str, contracts: list[Contract]) -> dg.AssetsDefinition:
    folders = {source_key(contract): str(Path(contract.glob).parent) for contract in contracts}

    @dg.multi_observable_source_asset(name=f"observe_{domain}_inbox", specs=[_spec(contract) for contract in contracts], can_subset=True)
    def observe(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.ObserveResult]:
        settings = platform.get().settings
        beats = heartbeats(settings.home / INGESTER)
        for key in context.selected_asset_keys:
            found = waiting(settings.inbox, folders[key])
            version = dg.DataVersion(found.newest) if found.newest else None  # an emptied inbox is no new version
            yield dg.ObserveResult(asset_key=key, data_version=version, metadata=_metadata(found, beats))

    return observe


def _spec(contract: Contract) -> dg.AssetSpec:
    return dg.AssetSpec(
        source_key(contract),
        description=f"Files {contract.glob} of the inbox, as the resident ingester writes them. {contract.description}",
        metadata={"glob": contract.glob, "clock": contract.clock, "cadence": contract.cadence},
        **common("sources", contract.domain, ["parquet", "mqtt", "opcua"], ["eco_assets/aurion/stream"]),
    )


def _metadata(found: Waiting, beats: dict[str, dict[str, object]]) -> dict[str, dg.MetadataValue]:
    lags = [float(str(beat["lag_s"])) for beat in beats.values() if beat.get("lag_s") is not None]
    shown = ("state", "is_alive", "age_s", "lag_s", "rows", "rows_per_s", "queue_depth", "dead_letters", "gaps", "problem")
    return {
        "files_waiting": dg.MetadataValue.int(found.files),
        "mb_waiting": dg.MetadataValue.float(found.mb),
        "oldest_waiting_s": dg.MetadataValue.float(found.oldest_s),
        "lag_s": dg.MetadataValue.float(max(lags, default=0.0)),
        "connections_alive": dg.MetadataValue.int(sum(bool(beat["is_alive"]) for beat in beats.values())),
        "connections_down": dg.MetadataValue.text(", ".join(name for name, beat in beats.items() if not beat["is_alive"]) or "none"),
        "heartbeats": dg.MetadataValue.json({name: {part: beat.get(part) for part in shown} for name, beat in beats.items()}),
    }


__all__ = ["INGESTER", "arrival_job", "arrival_jobs", "inbox_contracts", "stream_sources"]
