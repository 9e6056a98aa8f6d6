"""Rows of a connector: newest by key, deletes, messages that come again; rows and cursor in one snapshot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from eco_assets.aurion.batches import Batch
from eco_assets.aurion.landing import Landing
from eco_assets.aurion.load import Load, commit
from eco_assets.aurion.loads import cursor
from eco_assets.contracts.contract import Column, Contract, load_contracts
from eco_assets.lake import Lake


def column(name: str, kind: str, **more: Any) -> Column:
    return Column(name, name, kind, is_required=False, classification="internal", is_personal=False, description="", **more)


CONTRACT = replace(
    load_contracts()[0],
    domain="loja",
    entity="pedidos",
    server="connection",
    load_mode="upsert",
    keeps_good_rows=False,
    key=("id",),
    columns=(column("id", "BIGINT"), column("total", "DECIMAL(12,2)"), column("changed_at", "TIMESTAMP"), column("lines", "VARCHAR")),
)
APPENDED = replace(CONTRACT, load_mode="append", event_time="changed_at")


class Shop:
    """A lake that takes batches of one table."""

    def __init__(self, root: Path, contract: Contract) -> None:
        self.contract, self.lake = contract, Lake(root / "lake")
        self.landing = Landing(self.lake, root / "data", root / "inbox")

    def take(self, *rows: dict[str, Any], at: str = "page 1", state: dict[str, Any] | None = None) -> Batch:
        batch = self.landing.land_rows(self.contract, pa.Table.from_pylist(list(rows)), at, source="loja")
        cursors = {("loja", "pedidos"): state} if state is not None else {}
        if batch.status != "quarantined":
            commit(self.lake, self.landing, [Load(self.contract, [batch], cursors)])
        return batch

    def rows(self, columns: str = "id, total") -> list[tuple[Any, ...]]:
        with self.lake.raw() as db:
            return db.execute(f"SELECT {columns} FROM loja.pedidos ORDER BY ALL").fetchall()


def row(key: int | None, total: str, **more: Any) -> dict[str, Any]:
    when = more.pop("when", datetime(2026, 1, 1, key or 0, tzinfo=UTC))
    return {"id": key, "total": Decimal(total), "changed_at": when, "lines": [{"sku": "a", "n": 1}], **more}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, CONTRACT)


@pytest.fixture
def stream(tmp_path: Path) -> Shop:
    return Shop(tmp_path, APPENDED)


def test_a_later_version_of_a_row_replaces_the_earlier_one(shop: Shop) -> None:
    shop.take(row(1, "10.00"), row(2, "20.00"))
    shop.take(row(2, "25.00"), row(3, "30.00"), at="page 2")

    assert shop.rows() == [(1, Decimal("10.00")), (2, Decimal("25.00")), (3, Decimal("30.00"))]


def test_of_two_versions_in_one_batch_the_last_one_counts(shop: Shop) -> None:
    shop.take(row(1, "10.00"), row(1, "11.00"))

    assert shop.rows() == [(1, Decimal("11.00"))]


def test_a_deleted_row_goes_and_may_come_back(shop: Shop) -> None:
    shop.take(row(1, "10.00"), row(2, "20.00"))
    shop.take(row(1, "0.00", _eco_op="delete"), at="page 2")
    assert shop.rows() == [(2, Decimal("20.00"))]

    shop.take(row(1, "12.00", _eco_op="upsert"), at="page 3")
    assert shop.rows() == [(1, Decimal("12.00")), (2, Decimal("20.00"))]


def test_a_delete_after_an_update_in_one_batch_wins(shop: Shop) -> None:
    shop.take(row(1, "10.00"))
    shop.take(row(1, "11.00", _eco_op="upsert"), row(1, "0.00", _eco_op="delete"), at="page 2")

    assert shop.rows() == []


def test_times_with_a_zone_become_utc_and_lists_become_json(shop: Shop) -> None:
    shop.take(row(1, "10.00"))

    assert shop.rows("changed_at, lines") == [(datetime(2026, 1, 1, 1), '[{"sku":"a","n":1}]')]  # noqa: DTZ001


def test_the_cursor_moves_in_the_snapshot_that_shows_the_rows(shop: Shop) -> None:
    assert cursor(shop.lake, "loja", "pedidos") == {}
    shop.take(row(1, "10.00"), state={"since": "2026-01-01"})
    before = shop.lake.snapshots("raw")[0][0]
    shop.take(row(2, "20.00"), at="page 2", state={"since": "2026-01-02"})

    assert cursor(shop.lake, "loja", "pedidos") == {"since": "2026-01-02"}
    with shop.lake.raw() as db:
        old = db.execute(f"SELECT state FROM aurion.cursors AT (VERSION => {before})").fetchall()
        rows = db.execute(f"SELECT count(*) FROM loja.pedidos AT (VERSION => {before})").fetchall()
    assert (old, rows) == ([('{"since": "2026-01-01"}',)], [(1,)])


def test_a_row_that_goes_back_to_an_earlier_value_is_served_with_that_value(shop: Shop) -> None:
    first = shop.take(row(1, "10.00"), at="all")
    shop.take(row(1, "11.00"), at="all")
    again = shop.take(row(1, "10.00"), at="all")

    assert again.batch_id != first.batch_id
    assert shop.rows() == [(1, Decimal("10.00"))]


def test_a_source_that_only_removed_leaves_an_empty_table(shop: Shop) -> None:
    shop.take(row(1, "0.00", _eco_op="delete"))

    assert shop.rows() == []


def test_a_row_without_its_key_holds_the_batch_back_and_is_named(shop: Shop) -> None:
    shop.take(row(1, "10.00"))
    batch = shop.take(row(None, "20.00"), row(3, "30.00"), at="page 2")

    assert batch.status == "quarantined"
    assert "row 1, column id: a value is required" in batch.reasons[0]
    assert shop.rows() == [(1, Decimal("10.00"))]


def test_every_load_says_where_its_rows_came_from(shop: Shop) -> None:
    batch = shop.take(row(1, "10.00"), at="pedidos 2026-01-01..2026-01-02")
    with shop.lake.raw() as db:
        found = db.execute("SELECT load_id, source, tbl, origin, rows, bytes > 0 FROM aurion.loads").fetchall()

    assert found == [(batch.batch_id, "loja", "loja.pedidos", "pedidos 2026-01-01..2026-01-02", 1, True)]


def test_a_message_that_is_delivered_again_is_kept_once(stream: Shop) -> None:
    stream.take(row(1, "10.00"), row(2, "20.00"), row(2, "20.00"))
    stream.take(row(2, "20.00"), row(3, "30.00"), at="page 2")
    stream.take(row(4, "40.00"), at="page 3")

    assert stream.rows("id") == [(1,), (2,), (3,), (4,)]
