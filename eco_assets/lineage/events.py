"""What happened to data, as OpenLineage run events: a load of a raw table, a build of a dbt model, each with where its columns come from.

Values never leave: events carry names, types, counts and rules. How they are sent is `emitter.py`'s.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eco_assets.contracts.contract import Contract
from eco_assets.lineage.columns import ROWS, Output, Ref
from eco_assets.lineage.emitter import Emitter
from eco_assets.lineage.graph import Lineage, Node

JOBS = "eco"
LAKE = "ducklake://eco"
FILES, CONNECTIONS = "file", "connection"
PRODUCER = "urn:eco:aurion"
_RUNS = uuid.UUID("6f1c1f0e-6a53-5b0b-9f39-0d5d1b1a7e11")
_SUBTYPES = {"same": ("DIRECT", "IDENTITY"), "expression": ("DIRECT", "TRANSFORMATION"), "aggregate": ("DIRECT", "AGGREGATION")}


@dataclass(frozen=True)
class Assertion:
    """A rule that rows were held against, and whether they kept it; `is_blocking` rules stop the load."""

    rule: str
    column: str
    is_kept: bool
    is_blocking: bool = True


@dataclass(frozen=True)
class Run:
    """When something ran and how it ended. The same `key` is the same run, however often it is told. `error` is the reason of a failure."""

    key: str
    started: datetime
    ended: datetime
    error: str = ""


def emit_load(
    to: Emitter, contract: Contract, run: Run, *, origin: str, rows: int, size_bytes: int, assertions: Sequence[Assertion] = ()
) -> None:
    """Tell that a batch of a raw table was loaded, or refused.

    Args:
        to: where events go; `emitter(settings.home)`.
        contract: the table's.
        run: the batch's id as key.
        origin: the file, or the range of a cursor in words.
        rows: rows that were added.
        size_bytes: their size as Parquet.
        assertions: the rules of the contract that were checked.
    """
    from openlineage.client.event_v2 import InputDataset, set_producer
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality
    from openlineage.client.facet_v2 import dataset_version_dataset

    set_producer(PRODUCER)
    where = CONNECTIONS if contract.server == "connection" else FILES
    checks = [
        quality.Assertion(each.rule, each.is_kept, column=each.column or None, severity="error" if each.is_blocking else "warn")
        for each in assertions
    ]
    facets: dict[str, Any] = {"dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(checks)} if checks else {}
    source = InputDataset(where, origin, facets={"dataSource": _source(where)}, inputFacets=facets)
    node = Node(
        f"raw.{contract.table}",
        "raw",
        {column.name: Output(frozenset({Ref(f"{where}:{origin}", column.physical_name)}), "same") for column in contract.columns},
    )
    columns = [(column.name, column.sql_type, column.description) for column in contract.columns]
    more: dict[str, Any] = {"version": dataset_version_dataset.DatasetVersionDatasetFacet(contract.version)}
    output = _output(node, columns, contract.description, contract.owner, rows, size_bytes, more)
    _emit(to, f"aurion.load.{contract.table}", "AURION", run, [source], output, contract.description, contract.owner)


def emit_model(
    to: Emitter,
    lineage: Lineage,
    relation: str,
    run: Run,
    *,
    columns: Iterable[tuple[str, str, str]],
    description: str,
    owner: str,
    rows: int | None = None,
    size_bytes: int | None = None,
) -> None:
    """Tell that a dbt model was built, or failed.

    Args:
        to: where events go.
        lineage: of the project.
        relation: `schema.table`.
        run: the Dagster run's id and the model's name as key.
        columns: (name, type, description) of the table as built.
        description: what the table is.
        owner: as `team:varejo`.
        rows: rows of the table, where they were counted.
        size_bytes: its size, where it is known.
    """
    from openlineage.client.event_v2 import InputDataset, set_producer

    set_producer(PRODUCER)
    node = lineage.node(relation)
    inputs = [InputDataset(*_dataset(table), facets={"dataSource": _source(LAKE)}) for table in sorted(node.tables)]
    output = _output(node, columns, description, owner, rows, size_bytes, {})
    _emit(to, f"dbt.{relation}", "DBT", run, inputs, output, description, owner)


def _emit(to: Emitter, job: str, integration: str, run: Run, inputs: list[Any], output: Any, description: str, owner: str) -> None:
    for event in _events(job, integration, run, inputs, output, description, owner):
        to.emit(event)


def _events(job: str, integration: str, run: Run, inputs: list[Any], output: Any, description: str, owner: str) -> Iterator[Any]:
    from openlineage.client.event_v2 import Job, RunEvent, RunState
    from openlineage.client.event_v2 import Run as OpenLineageRun
    from openlineage.client.facet_v2 import documentation_job, error_message_run, job_type_job, ownership_job

    facets: dict[str, Any] = {
        "documentation": documentation_job.DocumentationJobFacet(description),
        "ownership": ownership_job.OwnershipJobFacet([ownership_job.Owner(owner, "MAINTAINER")]),
        "jobType": job_type_job.JobTypeJobFacet("BATCH", integration, "JOB"),
    }
    about, identity = Job(JOBS, job, facets=facets), str(uuid.uuid5(_RUNS, f"{job}|{run.key}"))
    failure: dict[str, Any] = {"errorMessage": error_message_run.ErrorMessageRunFacet(run.error, "PYTHON")} if run.error else {}
    common: dict[str, Any] = {"job": about, "producer": PRODUCER, "inputs": inputs}
    yield RunEvent(eventType=RunState.START, eventTime=run.started.isoformat(), run=OpenLineageRun(identity), outputs=[], **common)
    ending = RunState.FAIL if run.error else RunState.COMPLETE
    outcome = OpenLineageRun(identity, facets=failure)
    yield RunEvent(eventType=ending, eventTime=run.ended.isoformat(), run=outcome, outputs=[output], **common)


def _output(
    node: Node,
    columns: Iterable[tuple[str, str, str]],
    description: str,
    owner: str,
    rows: int | None,
    size_bytes: int | None,
    more: dict[str, Any],
) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import documentation_dataset, output_statistics_output_dataset, ownership_dataset, schema_dataset

    fields = [schema_dataset.SchemaDatasetFacetFields(name, kind, said or None) for name, kind, said in columns]
    facets: dict[str, Any] = {
        "schema": schema_dataset.SchemaDatasetFacet(fields),
        "columnLineage": _column_lineage(node),
        "dataSource": _source(LAKE),
        "documentation": documentation_dataset.DocumentationDatasetFacet(description),
        "ownership": ownership_dataset.OwnershipDatasetFacet([ownership_dataset.Owner(owner, "MAINTAINER")]),
        **more,
    }
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size_bytes)
    measured: dict[str, Any] = {"outputStatistics": statistics} if rows is not None or size_bytes is not None else {}
    return OutputDataset(*_dataset(node.name), facets=facets, outputFacets=measured)


def _column_lineage(node: Node) -> Any:
    """What each column is computed from; what the query only filters, joins or groups by concerns the whole table."""
    from openlineage.client.facet_v2 import column_lineage_dataset as columns

    def fields(refs: Iterable[Ref], kind: tuple[str, str | None]) -> list[Any]:
        transformation = columns.Transformation(*kind, masking=False)
        return [columns.InputField(*_dataset(ref.table), ref.column, [transformation]) for ref in sorted(refs) if ref.column != ROWS]

    computed = {
        name: columns.Fields(fields(output.sources, _SUBTYPES.get(output.how, ("DIRECT", "TRANSFORMATION"))))
        for name, output in node.columns.items()
    }
    direct = {source for output in node.columns.values() for source in output.sources}
    return columns.ColumnLineageDatasetFacet(computed, fields(node.uses - direct, ("INDIRECT", "CONDITIONAL")))


def _source(namespace: str) -> Any:
    from openlineage.client.facet_v2 import datasource_dataset

    return datasource_dataset.DatasourceDatasetFacet(name=namespace, uri=namespace)


def _dataset(table: str) -> tuple[str, str]:
    """Namespace and name of a table, or of what it is loaded from."""
    scheme, colon, rest = table.partition(":")
    return (scheme, rest) if colon and scheme in (FILES, CONNECTIONS) else (LAKE, table)
