"""Tells of what the platform did as OpenLineage events: of a domain's loads, and of dbt models that were built."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from eco_assets.lineage.compiled import compile_project
from eco_assets.lineage.emitter import emitter
from eco_assets.lineage.events import Assertion, Run, emit_load, emit_model
from eco_assets.lineage.project import PROJECT, load_lineage

if TYPE_CHECKING:
    from eco_assets.aurion.landing import Landed


def tell_loads(home: Path, sources: Iterable[Landed], since: datetime) -> int:
    """Tell of the batches that were judged at or after `since` (UTC), not of those that were known before; returns their number.

    Args:
        home: the platform's home.
        sources: what became of each source, after loading.
        since: when ingesting began.
    """
    told = 0
    for source in sources:
        for batch in source.batches:
            judged = datetime.fromisoformat(batch.at).replace(tzinfo=UTC)
            if judged < since or batch.status not in ("loaded", "quarantined"):
                continue
            refused = batch.status == "quarantined"
            reason = batch.reasons[0] if refused and batch.reasons else ""
            emit_load(
                emitter(home),
                source.contract,
                Run(batch.batch_id, since, datetime.now(UTC), reason),
                origin=batch.file,
                rows=0 if refused else batch.rows,
                size_bytes=batch.bytes,
                assertions=[Assertion(f"contract {source.contract.version}", "", not batch.reasons)],
            )
            told += 1
    return told


def tell_model(home: Path, relation: str, run_id: str, seconds: float) -> None:
    """Tell that a dbt model was built just now, in so many seconds, by a Dagster run."""
    model = next(each for each in compile_project(PROJECT) if each.relation == relation)
    lineage, ended = load_lineage(), datetime.now(UTC)
    names = lineage.node(relation).columns
    emit_model(
        emitter(home),
        lineage,
        relation,
        Run(f"{run_id}|{relation}", ended - timedelta(seconds=seconds), ended),
        columns=[(name, model.types.get(name, ""), model.documented.get(name, "")) for name in names],
        description=model.description,
        owner=f"team:{model.name.split('__')[0].split('_', 1)[1]}",
    )
