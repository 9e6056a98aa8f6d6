"""Rows of a connector that tells changes: which of them are the newest of their key, and which keys were removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eco_assets.aurion.connectors.protocol import OPERATION
from eco_assets.contracts.check import quoted, typed
from eco_assets.contracts.contract import Contract

if TYPE_CHECKING:
    import pyarrow as pa


def newest_by_key(contract: Contract, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(rows to add without the operation, keys to remove under their lake names); of rows with one key the last one counts.

    Rows whose key is incomplete stay, for the contract check to name them. A source without a key keeps every row.
    """
    import duckdb
    import pyarrow as pa

    if OPERATION not in rows.column_names:
        rows = rows.append_column(OPERATION, pa.array(["upsert"] * rows.num_rows, pa.string()))
    physical = {column.name: column.physical_name for column in contract.columns}
    keys = [physical[name] for name in contract.key if physical[name] in rows.column_names]
    rows = rows.append_column("_eco_order", pa.array(range(rows.num_rows), pa.int64()))
    with duckdb.connect() as db:
        db.register("came", rows)
        last = ""
        if keys and contract.load_mode == "upsert":
            names = ", ".join(quoted(name) for name in keys)
            whole = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in keys)
            last = f"QUALIFY (NOT ({whole}) OR row_number() OVER (PARTITION BY {names} ORDER BY _eco_order DESC) = 1)"
        db.execute(f"CREATE TEMP TABLE newest AS SELECT * FROM came {last}")
        upserts = db.execute(
            f"SELECT * EXCLUDE ({OPERATION}, _eco_order) FROM newest WHERE {OPERATION} IS DISTINCT FROM 'delete' ORDER BY _eco_order"
        ).to_arrow_table()
        if not keys:
            return upserts, pa.table({})
        texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in keys)
        typed_keys = ", ".join(f"{typed(column)} AS {quoted(column.name)}" for column in contract.columns if column.name in contract.key)
        deletes = db.execute(f"SELECT {typed_keys} FROM (SELECT {texts} FROM newest WHERE {OPERATION} = 'delete')").to_arrow_table()
    return upserts, deletes
