"""The declared table of models, run on a DuckDB lake with the exact tables: from rows to predictions, and no future row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import duckdb
import pandas as pd
import pytest

from eco_assets.errors import NotFound
from ml.families import FAMILIES, family
from ml.tracking import Registry

AS_OF = date(2018, 5, 31)
EARLIER = date(2018, 5, 20)
PREDICTIONS = {
    "varejo_demand_forecast": ["category", "horizon_days", "units_p10", "units_p50", "units_p90"],
    "varejo_review_sentiment": ["review_id", "p_negative"],
    "industrial_sensor_anomaly": ["machine_id", "anomaly_score", "anomalous_share", "windows"],
    "comercial_lead_conversion": ["mql_id", "p_convert"],
    "agencia_campaign_response": ["audience_id", "p_response", "prospects"],
}


@pytest.fixture(scope="module")
def lake(
    sales: pd.DataFrame, reviews: pd.DataFrame, windows: pd.DataFrame, leads: pd.DataFrame, calls: pd.DataFrame
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    tables = {
        "staging.stg_varejo__category_daily": sales.assign(revenue_brl=10.0),
        "staging.stg_varejo__review_texts": reviews,
        "features.feat_varejo__review_context": reviews[["review_id", "order_id"]].assign(category="livros", customer_state="SP"),
        "features.feat_industrial__machine_windows": windows,
        "features.feat_comercial__lead_history": leads,
        "features.feat_agencia__call_history": calls,
    }
    connection.execute("create schema staging; create schema features")
    for name, frame in tables.items():
        connection.register("frame", frame)
        connection.execute(f"create table {name} as select * from frame")
        connection.unregister("frame")
    yield connection
    connection.close()


@pytest.mark.parametrize("name", list(PREDICTIONS))
def test_a_family_goes_from_the_lake_to_its_predictions(name: str, lake: duckdb.DuckDBPyConnection, registry: Registry) -> None:
    made = family(name)
    assert made is FAMILIES[name]
    frame = made.training_frame(lake, AS_OF)
    version = registry.train_if_changed(name, frame, lambda rows: made.fit(rows, AS_OF), code_version="1", as_of=AS_OF, tags={})
    model, found = registry.load(name)
    rows = made.score(model, made.scoring_frame(lake, AS_OF), AS_OF)
    assert (found.version, found.primary_metric) == (version.version, made.primary_metric)
    assert list(rows.columns) == PREDICTIONS[name]
    assert len(rows) > 0
    assert not rows.isna().any().any()
    assert rows.iloc[:, 0].is_unique


FUTURE = {
    "varejo_demand_forecast": (
        "staging.stg_varejo__category_daily",
        {"day": date(2018, 5, 21), "category": "livros", "units": 999},
    ),
    "varejo_review_sentiment": (
        "staging.stg_varejo__review_texts",
        {"review_id": "future", "created_at": datetime(2018, 5, 21), "score": 1, "text": "amanhã"},  # noqa: DTZ001
    ),
    "industrial_sensor_anomaly": (
        "features.feat_industrial__machine_windows",
        {"machine_id": "pump-0", "machine_kind": "pump", "window_start": datetime(2018, 5, 21)},  # noqa: DTZ001
    ),
    "comercial_lead_conversion": (  # an outcome that is known later, for a lead that was already there
        "features.feat_comercial__lead_history",
        {"mql_id": "future", "contacted_on": date(2018, 3, 22), "origin": "email", "is_converted": True},
    ),
}


@pytest.mark.parametrize("name", list(FUTURE))
def test_a_row_of_the_future_changes_no_training_row(name: str, lake: duckdb.DuckDBPyConnection) -> None:
    table, row = FUTURE[name]
    before = family(name).training_frame(lake, EARLIER)
    lake.execute("begin")
    lake.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
    after, a_day_later = family(name).training_frame(lake, EARLIER), family(name).training_frame(lake, date(2018, 5, 21))
    lake.execute("rollback")
    pd.testing.assert_frame_equal(after, before)
    assert len(a_day_later) > len(before)


def test_scoring_takes_the_last_week_of_reviews_and_the_last_fortnight_of_leads(lake: duckdb.DuckDBPyConnection) -> None:
    reviews = family("varejo_review_sentiment").scoring_frame(lake, EARLIER)
    leads = family("comercial_lead_conversion").scoring_frame(lake, EARLIER)
    assert len(reviews) == 7 * 8
    assert leads["contacted_on"].min() == pd.Timestamp("2018-05-07")
    assert leads["contacted_on"].max() == pd.Timestamp("2018-05-20")
    assert "is_converted" not in leads


def test_an_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(NotFound, match="comercial_lead_conversion"):
        family("varejo_price_oracle")
