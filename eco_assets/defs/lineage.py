"""Column lineage as Dagster shows it: from the columns of a source's files to those of raw tables and of dbt models.

Where columns come from is `eco_assets/lineage`'s; here it becomes metadata of materializations, which is where the UI looks for it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from eco_assets.contracts.contract import Contract
from eco_assets.lineage.columns import ROWS, Ref
from eco_assets.lineage.graph import Lineage
from eco_assets.lineage.project import load_lineage
from eco_assets.lineage.tell import tell_model

COLUMN_LINEAGE = "dagster/column_lineage"
_LAYERS = ("staging", "features", "marts")


def raw_lineage(contract: Contract) -> dg.TableColumnLineage:
    """Each column of a raw table and the column of the files that it was read from."""
    source = dg.AssetKey(["source", contract.domain, contract.entity])
    return dg.TableColumnLineage(
        {column.name: [dg.TableColumnDep(source, column.physical_name)] for column in contract.columns},
    )


def model_lineage(lineage: Lineage, relation: str) -> dg.TableColumnLineage:
    """Each column of a dbt model and the columns that it is computed from; `relation` is `schema.table`."""
    return dg.TableColumnLineage({name: list(_dependencies(output.sources)) for name, output in lineage.node(relation).columns.items()})


def with_column_lineage(context: dg.AssetExecutionContext, events: Iterable[Any], home: Path) -> Iterator[Any]:
    """The events of a dbt build, each model with its column lineage, and told of as OpenLineage under `home`."""
    lineage = load_lineage()
    relations = {asset_key(name): name for name, node in lineage.nodes.items() if node.kind == "dbt"}
    for event in events:
        relation = relations.get(context.asset_key_for_output(event.output_name)) if isinstance(event, dg.Output) else None
        if relation is None:
            yield event
            continue
        spent = event.metadata.get("Execution Duration")
        tell_model(home, relation, context.run.run_id, _seconds(spent))
        yield event.with_metadata({**event.metadata, COLUMN_LINEAGE: model_lineage(lineage, relation)})


def _seconds(spent: Any) -> float:
    return float(spent.value or 0.0) if isinstance(spent, dg.FloatMetadataValue) else 0.0


def asset_key(table: str) -> dg.AssetKey:
    """The asset of a table of the lake, as the rest of the graph names it."""
    from eco_assets.defs.phd import model_key
    from eco_assets.defs.tables import prediction_key

    schema, *rest = table.split(".")
    if schema in _LAYERS:
        return model_key(rest[0])
    return prediction_key(rest[0]) if schema == "predictions" else dg.AssetKey([schema, *rest])


def _dependencies(sources: Iterable[Ref]) -> Iterator[dg.TableColumnDep]:
    for ref in sorted(sources):
        if ref.column != ROWS:  # the rows of a table are no column of it
            yield dg.TableColumnDep(asset_key(ref.table), ref.column)
