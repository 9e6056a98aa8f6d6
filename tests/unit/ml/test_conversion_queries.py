"""The families' queries on a small lake: what was known on the day, and nothing of the days after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import duckdb
import pandas as pd
import pytest

from ml.propensity import queries

DAY = date(2018, 5, 31)
START = datetime(2017, 3, 1, 12)  # noqa: DTZ001 the lake's timestamps are naive


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """40 customers who buy every 30, 60, 90 or 120 days; a parcel in five is ten days late."""
    moments = [(who, number, START + timedelta(days=who + number * 30 * (1 + who % 4))) for who in range(40) for number in range(12)]
    rows = [
        {"order_id": f"{who}-{number}", "customer_id": f"{who}-{number}", "order_status": "delivered", "purchased_at": moment}
        | {"promised_at": moment + timedelta(days=20), "delivered_at": moment + timedelta(days=30 if number % 5 == 0 else 9)}
        for who, number, moment in moments
        if moment.date() < date(2018, 7, 1)
    ]
    orders = pd.DataFrame(rows)
    who = orders["order_id"].str.split("-").str[0]
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("create schema staging")
    tables = {
        "stg_varejo__orders": orders,
        "stg_varejo__customers": pd.DataFrame({"customer_id": orders["customer_id"], "customer_unique_id": who, "customer_state": "SP"}),
        "stg_varejo__order_items": orders[["order_id"]].assign(price_brl=10.0, freight_brl=1.0, category="livros"),
    }
    for name, frame in tables.items():
        connection.register("frame", frame)
        connection.execute(f"create table staging.{name} as select * from frame")
        connection.unregister("frame")
    yield connection
    connection.close()


def training(lake: duckdb.DuckDBPyConnection, day: date = DAY) -> pd.DataFrame:
    return lake.execute(queries.REPURCHASE_TRAINING, {"as_of": day}).df()


def test_a_customer_has_one_row_a_quarter_and_the_last_one_is_a_quarter_ago(lake: duckdb.DuckDBPyConnection) -> None:
    frame = training(lake)
    assert not frame.duplicated(["customer_id", "snapshot_on"]).any()
    assert frame["snapshot_on"].max() == pd.Timestamp(DAY) - pd.Timedelta(days=queries.HORIZON_DAYS)
    assert (frame["known_on"] <= pd.Timestamp(DAY)).all()


def test_history_and_outcome_are_those_of_the_customer(lake: duckdb.DuckDBPyConnection) -> None:
    row = training(lake).set_index(["customer_id", "snapshot_on"]).loc[("1", pd.Timestamp("2018-03-02"))]  # every 60 days from 2 March
    assert (row["repeat_purchases"], row["recency_days"], row["age_days"], row["since_last_days"]) == (6, 360, 365, 5)
    assert (row["spent_brl"], row["late_orders"], row["has_bought_again"]) == (77.0, 2, True)
    silent = training(lake)
    assert silent.groupby("customer_id")["has_bought_again"].mean()["3"] < 1.0  # every 120 days: not in every quarter


def test_nothing_after_the_day_changes_a_training_row(lake: duckdb.DuckDBPyConnection) -> None:
    before = training(lake)
    lake.execute("delete from staging.stg_varejo__orders where purchased_at >= date '2018-06-01'")
    lake.execute("update staging.stg_varejo__orders set delivered_at = null where delivered_at >= timestamp '2018-06-01'")
    pd.testing.assert_frame_equal(training(lake), before)


def test_nothing_after_a_snapshot_changes_its_history(lake: duckdb.DuckDBPyConnection) -> None:
    known = ["has_bought_again", "known_on"]
    before = training(lake).query("snapshot_on == '2018-03-02'").drop(columns=known)
    lake.execute("delete from staging.stg_varejo__orders where purchased_at >= date '2018-03-03'")
    lake.execute("update staging.stg_varejo__orders set delivered_at = null where delivered_at >= timestamp '2018-03-03'")
    after = training(lake).query("snapshot_on == '2018-03-02'").drop(columns=known)
    pd.testing.assert_frame_equal(after.reset_index(drop=True), before.reset_index(drop=True))


def test_scoring_is_about_the_day_itself_and_has_no_outcome(lake: duckdb.DuckDBPyConnection) -> None:
    frame = lake.execute(queries.REPURCHASE_SCORING, {"as_of": DAY}).df()
    assert frame["snapshot_on"].unique().tolist() == [pd.Timestamp(DAY)]
    assert "has_bought_again" not in frame
    assert len(frame) == 40
    assert set(queries.CUSTOMER_TEXT) | set(queries.CUSTOMER_NUMBERS) <= set(frame.columns)


def test_a_cancelled_order_is_no_purchase(lake: duckdb.DuckDBPyConnection) -> None:
    lake.execute("update staging.stg_varejo__orders set order_status = 'canceled' where order_id like '7-%'")
    assert "7" not in set(training(lake)["customer_id"])
