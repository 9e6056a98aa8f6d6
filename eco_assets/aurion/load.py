"""Moves validated batches into `raw.duckdb` with dlt: one transaction a domain, each file's rows replaced as a whole.

Killed at any moment, the next run loads the same batches again and ends at the same rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.batches import Batch
from eco_assets.aurion.landing import Landed, Landing
from eco_assets.contracts.contract import Contract
from eco_assets.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa


def load(lake: Lake, landing: Landing, domain: str, sources: Iterable[Landed]) -> int:
    """Load what was validated and is not in the lake yet; returns the number of rows moved."""
    waiting = [(landed, [batch for batch in landed.batches if batch.status == "validated"]) for landed in sources]
    waiting = [(landed, batches) for landed, batches in waiting if batches]
    if not waiting:
        return 0
    with lake.writing():
        _run(
            lake,
            domain,
            [(landed.contract, [landing.parquet(batch) for batch in batches]) for landed, batches in waiting],
        )
    loaded: list[Batch] = [landing.batches.mark_loaded(batch) for _, batches in waiting for batch in batches]
    return sum(batch.rows for batch in loaded)


def _run(lake: Lake, domain: str, tables: Sequence[tuple[Contract, list[Path]]]) -> None:
    import dlt

    dlt.config["runtime.dlthub_telemetry"] = False
    logging.getLogger("dlt").setLevel(logging.ERROR)  # it warns of every nullable column that it has seen before
    pipeline = dlt.pipeline(
        f"aurion_{domain}",
        pipelines_dir=str(lake.root / "dlt"),
        destination=dlt.destinations.duckdb(str(lake.raw_db)),
        dataset_name=domain,
    )
    if pipeline.has_pending_data:  # a killed run's: dlt would finish that and leave what is given now out; all of it is given again
        pipeline = pipeline.drop()
    resources = [
        dlt.resource(
            _arrow(paths),
            name=contract.entity,
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
            merge_key="_eco_file",
            columns=_local_times(contract),
        )
        for contract, paths in tables
    ]
    pipeline.run(resources, loader_file_format="parquet").raise_on_failed_jobs()


def _local_times(contract: Contract) -> Any:
    """Keep timestamps as the source wrote them, local time without zone; dlt would call them UTC."""
    names = [column.name for column in contract.columns if column.sql_type == "TIMESTAMP"]
    return {name: {"data_type": "timestamp", "timezone": False} for name in [*names, "_eco_loaded_at"]}


def _arrow(paths: list[Path]) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    for path in paths:
        yield pq.read_table(path)
