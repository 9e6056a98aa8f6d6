"""Pictures on assets: drawn from real tables, absent where there is nothing to draw."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import pandas as pd
import pytest

from eco_assets.defs.plots import PLOT, cost_by_day, decision_mix, picture, prediction_chart
from ml.families import FAMILIES
from notion_sync.charts import BarChart, DayChart, ForecastChart, TimelineChart

DAY = date(2026, 10, 31)
NAMED = "'m' AS model_name, '1' AS model_version"


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for schema in ("predictions", "staging", "finops"):
            connection.execute(f"CREATE SCHEMA {schema}")
        yield connection


def test_a_picture_is_a_png_within_the_metadata_and_nothing_gives_none() -> None:
    made = picture(decision_mix("varejo", [{"action": "refund"}, {"action": "refund"}, {"action": "wait"}], {"refund": "Devolver"}))
    text = made[PLOT].value
    assert text is not None
    content = base64.b64decode(text.split("base64,")[1].rstrip(")"))
    assert content.startswith(b"\x89PNG")
    assert picture(decision_mix("varejo", [], {})) == {}


def test_demand_shows_whole_weeks_and_what_comes(db: duckdb.DuckDBPyConnection) -> None:
    days = [DAY - timedelta(days=back) for back in range(140)]
    history = pd.DataFrame({"day": pd.to_datetime(days), "category": "bebes", "units": 2})
    db.execute(f"""CREATE TABLE predictions.varejo_demand AS SELECT DATE '2026-10-31' AS as_of, 'bebes' AS category, 7 AS horizon_days,
        10.0 AS units_p10, 15.0 AS units_p50, 20.0 AS units_p90, {NAMED}""")
    chart = prediction_chart(FAMILIES["varejo_demand_forecast"], history, db, DAY)
    assert isinstance(chart, ForecastChart)
    assert set(chart.actual) == {14.0}
    assert (chart.low[-1], chart.middle[-1], chart.high[-1]) == (10.0, 15.0, 20.0)
    assert prediction_chart(FAMILIES["varejo_demand_forecast"], history, db, DAY - timedelta(days=1)) is None


def test_anomalies_lie_on_their_time_and_machines_side_by_side(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(f"""CREATE TABLE predictions.agencia_media_anomaly AS
        SELECT DATE '2026-10-31' AS as_of, subject, TIMESTAMP '2026-10-31 10:00:00' AS at, score AS anomaly_score, {NAMED}
        FROM (VALUES ('a', 0.2), ('b', 0.9)) t(subject, score)""")
    db.execute(f"""CREATE TABLE predictions.industrial_anomaly AS
        SELECT DATE '2026-10-31' AS as_of, 'pump' AS machine_id, 0.7 AS anomaly_score, {NAMED}""")
    timeline = prediction_chart(FAMILIES["agencia_media_anomaly"], pd.DataFrame(), db, DAY)
    assert isinstance(timeline, TimelineChart)
    assert ([at.isoformat() for at in timeline.times], timeline.scores) == (["2026-10-31T10:00:00"], (0.9,))
    machines = prediction_chart(FAMILIES["industrial_sensor_anomaly"], pd.DataFrame(), db, DAY)
    assert isinstance(machines, BarChart)
    assert (machines.labels, machines.values) == (("pump",), (0.7,))


def test_sentiment_is_told_by_day_and_probabilities_by_tenth(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(f"""CREATE TABLE predictions.varejo_review_sentiment AS
        SELECT DATE '2026-10-31' AS as_of, review_id, p AS p_negative, {NAMED} FROM (VALUES ('r1', 0.9), ('r2', 0.1)) t(review_id, p)""")
    db.execute("""CREATE TABLE staging.stg_varejo__review_texts AS
        SELECT review_id, TIMESTAMP '2026-10-30 09:00:00' AS created_at FROM (VALUES ('r1'), ('r2')) t(review_id)""")
    db.execute(f"""CREATE TABLE predictions.varejo_late_delivery AS
        SELECT DATE '2026-10-31' AS as_of, 'o' AS order_id, p AS p_late, {NAMED} FROM (VALUES (0.05), (1.0)) t(p)""")
    sentiment = prediction_chart(FAMILIES["varejo_review_sentiment"], pd.DataFrame(), db, DAY)
    assert isinstance(sentiment, DayChart)
    assert (sentiment.days, [values for _, values in sentiment.parts]) == ((date(2026, 10, 30),), [(1.0,), (1.0,)])
    late = prediction_chart(FAMILIES["varejo_late_delivery"], pd.DataFrame(), db, DAY)
    assert isinstance(late, BarChart)
    assert late.labels == ("0 a 10%", "90 a 100%")


def test_cost_is_told_by_day_and_kind(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("""CREATE TABLE finops.agent_costs_varejo AS
        SELECT DATE '2026-10-30' AS as_of, 1.0 AS compute_brl, 0.5 AS model_brl, 9.0 AS action_brl""")
    chart = cost_by_day("varejo", db, DAY)
    assert isinstance(chart, DayChart)
    assert [values for _, values in chart.parts] == [(1.0,), (0.5,), (9.0,)]
