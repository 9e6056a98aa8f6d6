"""The fast way of reading an arrival gives the rows that the slow one gives, or leaves the arrival to it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco_assets.aurion import incoming as arrivals
from eco_assets.aurion.batches import Batch
from eco_assets.aurion.judge import at_once, row_by_row
from eco_assets.contracts.contract import load_contracts

NUMBERS = ("", "0", "1", "7", "-3", "4.5", "1e3", " 7", "+7", "007", "nan", "inf", "1_000", "99999999999", "58.90", "0.1", "1,5", "9" * 40)
OTHERS = (
    "abc",
    '"a"',
    "NULL",
    "é",
    "2018-05-01",
    "2018-05-01 10:00:00",
    "2018-13-01",
    "10:00",
    "true",
    "a" * 32,
    "0" * 32,
    "'",
    "--",
    "#N/A",
)
CELLS = st.sampled_from((*NUMBERS, *OTHERS))
BY_NAME = {contract.table: contract for contract in load_contracts()}


def both_ways(table: str, path: Path, root: Path) -> tuple[object, object]:
    """What the fast and the slow way make of a file; the fast one may decline (None)."""
    contract = BY_NAME[table]
    blank = Batch("b", table, path.name, "f", "1.0.0", "validated", 0, 0, (), "2026-01-01 00:00:00.000000")
    found: list[object] = []
    for number, way in enumerate((at_once, partial(row_by_row, broken=root / "broken.parquet"))):
        target = root / f"{number}.parquet"
        with duckdb.connect() as db:
            batch = way(db, contract, arrivals.of_file(db, contract, path), blank, target)
            if batch is None:
                found.append(None)
            elif batch.status == "quarantined" or batch.rejected:
                found.append(("broken", batch.rejected))
            else:
                found.append(db.execute(f"SELECT * FROM read_parquet('{target}') ORDER BY _eco_row").fetchall())
    return found[0], found[1]


@pytest.mark.parametrize("table", sorted(name for name, contract in BY_NAME.items() if contract.server == "files"))
def test_every_generated_file_reads_the_same_both_ways(table: str, twin_files: Path, tmp_path: Path) -> None:
    path = min(twin_files.glob(BY_NAME[table].glob))
    fast, slow = both_ways(table, path, tmp_path)

    has_dates = any(column.date_format for column in BY_NAME[table].columns)
    assert fast is not None or has_dates or path.suffix == ".parquet"
    assert fast is None or fast == slow


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=3))
def test_what_the_fast_way_accepts_the_slow_way_gives_too(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]) -> None:
    root = tmp_path_factory.mktemp("ways")
    path = root / "items.csv"
    good = ["0" * 31 + "1", "1", "p" * 32, "s" * 32, "2018-05-01 10:00:00", "58.90", "13.29"]
    lines = ["order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value", ",".join(good)]
    lines += [",".join(cell.replace(",", "") for cell in row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fast, slow = both_ways("varejo.order_items", path, root)

    assert fast is None or fast == slow
