"""Compatibility views on real DuckDB and on the lake: an old consumer's query gives the rows that it gave before a major change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from contract_house import Edit, compatibility, contract, version, with_column, without_column

from eco_assets.contracts import dbt_sources
from eco_assets.contracts.compat import compat_views, old_views, refresh_views
from eco_assets.contracts.contract import Contract
from eco_assets.contracts.versions import History
from eco_assets.errors import ContractError
from eco_assets.lake import Lake
from eco_assets.lineage.graph import Lineage
from eco_assets.lineage.project import raw_nodes

OLD = (
    with_column("price_brl", physicalType="DECIMAL(12,2)", required=True),
    with_column("visits", physicalType="INTEGER"),
    with_column("note", description="Goes."),
)
NEW = (
    *OLD,
    version("2.0.0"),
    with_column("origin", name="channel", physicalName="origin"),
    with_column("price_brl", name="price_cents", physicalType="BIGINT"),
    with_column("visits", physicalType="BIGINT"),
    without_column("note"),
)
VIEW = compatibility(price_brl="price_cents / 100.0", note="NULL")
ORIGIN = "'leads.csv' AS _eco_file, row AS _eco_row, 'b1' AS _eco_batch, TIMESTAMP '2029-01-01' AS _eco_loaded_at"
ROWS = "(VALUES (1, 'a', 'email', 10.50, 3), (2, 'b', NULL, 0.07, 4), (3, 'c', 'social', 99.99, NULL)) v(row, id, origin, price, visits)"
OLD_ROWS = f"""SELECT id AS mql_id, DATE '2029-01-01' AS first_contact_date, 'p' AS landing_page_id, origin,
  CAST(price AS DECIMAL(12,2)) AS price_brl, CAST(visits AS INTEGER) AS visits, CAST(NULL AS VARCHAR) AS note, {ORIGIN} FROM {ROWS}"""
NEW_ROWS = f"""SELECT id AS mql_id, DATE '2029-01-01' AS first_contact_date, 'p' AS landing_page_id, origin AS channel,
  CAST(price * 100 AS BIGINT) AS price_cents, CAST(visits AS BIGINT) AS visits, {ORIGIN} FROM {ROWS}"""
CONSUMER = "SELECT origin, price_brl, visits * 2 AS twice, note, _eco_row FROM {} WHERE price_brl > 0.05 ORDER BY mql_id"


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "released")
    history.write(contract(tmp_path / "old", *OLD))
    return history


@pytest.fixture
def now(tmp_path: Path, history: History) -> Contract:
    found = contract(tmp_path / "now", *NEW, VIEW)
    history.write(found)
    return found


def described(db: duckdb.DuckDBPyConnection, table: str) -> list[tuple[Any, ...]]:
    return [row[:2] for row in db.execute(f"DESCRIBE {table}").fetchall()]


def test_an_old_consumers_query_gives_the_same_rows_after_a_rename_a_retype_and_a_removal(history: History, now: Contract) -> None:
    with duckdb.connect() as db:
        db.execute("CREATE SCHEMA comercial")
        db.execute(f"CREATE TABLE comercial.leads AS {OLD_ROWS}")
        before, shape = db.execute(CONSUMER.format("comercial.leads")).fetchall(), described(db, "comercial.leads")
        db.execute(f"CREATE OR REPLACE TABLE comercial.leads AS {NEW_ROWS}")

        assert refresh_views(db, now, history) == ["comercial.leads_v1"]
        assert db.execute(CONSUMER.format("comercial.leads_v1")).fetchall() == before
        assert described(db, "comercial.leads_v1") == shape


def test_the_view_is_read_from_both_catalogues_of_the_lake_and_follows_new_rows(tmp_path: Path, history: History, now: Contract) -> None:
    lake = Lake(tmp_path / "lake")

    def load(db: duckdb.DuckDBPyConnection) -> None:
        db.execute("CREATE SCHEMA IF NOT EXISTS comercial")
        db.execute(f"CREATE TABLE comercial.leads AS {NEW_ROWS}")
        refresh_views(db, now, history)

    def load_more(db: duckdb.DuckDBPyConnection) -> None:
        db.execute(f"INSERT INTO comercial.leads {NEW_ROWS}")
        refresh_views(db, now, history)

    lake.commit(load, catalogue="raw")
    lake.commit(lambda db: db.execute("CREATE SCHEMA IF NOT EXISTS marts"))
    lake.commit(load_more, catalogue="raw")

    with lake.raw() as db:
        assert db.execute("SELECT count(*), sum(price_brl) FROM comercial.leads_v1").fetchall()[0][0] == 6
    with lake.connect() as db:
        assert float(db.execute("SELECT sum(price_brl) FROM raw.comercial.leads_v1").fetchall()[0][0]) == pytest.approx(2 * 110.56)


def test_a_view_that_is_declared_no_more_is_dropped_and_nothing_else(tmp_path: Path, history: History, now: Contract) -> None:
    with duckdb.connect() as db:
        db.execute("CREATE SCHEMA comercial")
        db.execute(f"CREATE TABLE comercial.leads AS {NEW_ROWS}")
        db.execute("CREATE VIEW comercial.leads_vip AS SELECT 1 AS x")
        db.execute("CREATE TABLE comercial.leads_v9 (x INTEGER)")
        refresh_views(db, now, history)

        assert refresh_views(db, contract(tmp_path / "later", *NEW), history) == []
        left = {row[0] for row in db.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert left == {"leads", "leads_vip", "leads_v9"}


def test_a_value_that_the_old_type_cannot_hold_fails_the_query_instead_of_lying(history: History, now: Contract) -> None:
    with duckdb.connect() as db:
        db.execute("CREATE SCHEMA comercial")
        db.execute(f"CREATE TABLE comercial.leads AS {NEW_ROWS}")
        db.execute("UPDATE comercial.leads SET visits = 3000000000 WHERE mql_id = 'a'")
        refresh_views(db, now, history)

        assert db.execute("SELECT mql_id FROM comercial.leads_v1 ORDER BY 1").fetchall() == [("a",), ("b",), ("c",)]
        with pytest.raises(duckdb.ConversionException):
            db.execute("SELECT sum(visits) FROM comercial.leads_v1").fetchall()


@pytest.mark.parametrize(
    ("edit", "needs"),
    [
        (with_column("visits", physicalType="BIGINT"), None),
        (with_column("visits", physicalType="DOUBLE"), "visits"),
        (with_column("price_brl", required=False), "price_brl"),
        (with_column("price_brl", customProperties=[{"property": "unit", "value": "EUR"}]), None),
        (with_column("origin", name="channel", physicalName="origin"), None),
        (with_column("origin", name="channel"), "origin"),
        (with_column("price_brl", logicalTypeOptions={"minimum": 1}), None),
    ],
)
def test_only_what_is_certain_is_derived_and_the_rest_must_be_said(tmp_path: Path, history: History, edit: Edit, needs: str | None) -> None:
    now = contract(tmp_path / "now", *OLD, version("2.0.0"), edit, compatibility())

    if needs is None:
        assert len(compat_views(now, history)) == 1
        return
    with pytest.raises(ContractError, match=f"say what column {needs} is now"):
        compat_views(now, history)


def test_a_contract_without_old_versions_makes_no_view(tmp_path: Path, history: History) -> None:
    assert compat_views(contract(tmp_path / "now", *OLD), history) == []


def test_the_view_is_a_dbt_source_with_the_old_columns_and_its_last_day(history: History, now: Contract) -> None:
    table, view = dbt_sources.tables(now, old_views(now, history))

    assert table["name"] == "leads"
    assert view["name"] == "leads_v1"
    assert view["config"] == {"meta": {"until": "2030-01-31"}}
    assert [(column["name"], column["data_type"]) for column in view["columns"]] == [  # type: ignore[attr-defined]
        ("mql_id", "VARCHAR"),
        ("first_contact_date", "DATE"),
        ("landing_page_id", "VARCHAR"),
        ("origin", "VARCHAR"),
        ("price_brl", "DECIMAL(12,2)"),
        ("visits", "INTEGER"),
        ("note", "VARCHAR"),
    ]


def test_lineage_goes_through_the_view_to_the_new_columns(history: History, now: Contract) -> None:
    lineage = Lineage(raw_nodes(now, history))

    assert {str(ref) for ref in lineage.upstream("raw.comercial.leads_v1", "price_brl")} >= {"raw.comercial.leads.price_cents"}
    assert lineage.basis("raw.comercial.leads_v1", "note") == "constant"
    assert [consumer.name for consumer in lineage.consumers("raw.comercial.leads", "channel")] == ["raw.comercial.leads_v1"]
