"""Pictures on assets, where one says more than a number: forecast against actuals, anomalies on their series, sentiment, mix, cost.

A picture is Markdown with the PNG inside, so it is seen on the asset's page without a file server. What a chart looks like is
`notion_sync/charts.py`'s; no picture ever fails its asset.
"""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pandas import DataFrame

    from ml.families import Family
    from notion_sync.charts import Chart

PLOT = "plot"
ALARM = 0.5  # the score at which every anomaly family gives an alarm
_WEEKS, _DAYS = 16, 30


def picture(chart: "Chart | None") -> dict[str, dg.MarkdownMetadataValue]:
    """Metadata with the chart drawn, as `plot`; empty where there is nothing to draw."""
    from notion_sync.charts import draw

    if chart is None:
        return {}
    content = base64.b64encode(draw(chart)).decode()
    return {PLOT: dg.MetadataValue.md(f"![{chart.title}](data:image/png;base64,{content})")}


def decision_mix(agent: str, decisions: Sequence[Mapping[str, Any]], words: Mapping[str, str]) -> "Chart | None":
    """Decisions of a point and day by action; `words` has the actions' labels."""
    from notion_sync.charts import BarChart

    counts = Counter(words.get(str(decision["action"]), str(decision["action"])) for decision in decisions)
    return BarChart(f"{agent}-mix", "Decisões por ação", tuple(counts), tuple(map(float, counts.values()))) if counts else None


def prediction_chart(family: "Family", history: "DataFrame", db: "DuckDBPyConnection", day: date) -> "Chart | None":
    """The picture of a family's predictions of a day.

    Args:
        family: whose predictions.
        history: the frame that was scored.
        db: reads `predictions.<table>`.
        day: the business day.
    """
    query = f"SELECT * EXCLUDE (as_of, model_name, model_version) FROM predictions.{family.table} WHERE as_of = $day"
    rows = db.execute(query, {"day": day}).df()
    if rows.empty:
        return None
    columns = set(rows.columns)
    if {"units_p50", "horizon_days"} <= columns:
        return _demand(family, history, rows, day)
    if {"anomaly_score", "at"} <= columns:
        return _scores(family, rows)
    if "anomaly_score" in columns:
        return _by_subject(family, rows, "anomaly_score", "Índice de anomalia")
    if "p_negative" in columns:
        return _sentiment(family, db, day)
    numeric = [name for name in rows.columns if name.startswith("p_")]
    return _bands(family, rows, numeric[0]) if numeric else None


def cost_by_day(agent: str, db: "DuckDBPyConnection", day: date) -> "Chart | None":
    """What the agent cost on each of the last days, by kind."""
    from notion_sync.charts import DayChart

    query = f"""SELECT as_of, compute_brl, model_brl, action_brl FROM finops.agent_costs_{agent}
        WHERE as_of BETWEEN $first AND $day ORDER BY as_of"""
    rows = db.execute(query, {"first": day - timedelta(days=_DAYS - 1), "day": day}).fetchall()
    if not rows:
        return None
    days, *parts = zip(*rows, strict=True)
    named = zip(("Processamento", "Modelos de linguagem", "Ações"), parts, strict=True)
    return DayChart(f"{agent}-custo", "Custo por dia", days, tuple((name, tuple(map(float, values))) for name, values in named), unit="brl")


def _demand(family: "Family", history: "DataFrame", rows: "DataFrame", day: date) -> "Chart":
    """Units a week up to the day, and the weeks ahead. The band adds up its categories' bands, so it is rather too wide than too narrow."""
    from notion_sync.charts import ForecastChart

    age = (history["day"].max() - history["day"]).dt.days // 7
    weeks = history.assign(age=age)[age < _WEEKS].groupby("age")["units"].sum().sort_index(ascending=False)
    ahead = rows.groupby("horizon_days")[["units_p10", "units_p50", "units_p90"]].sum().sort_index()
    now = float(weeks.iloc[-1])  # the band opens from the last week that is known
    low, middle, high = ((now, *map(float, ahead[column])) for column in ahead.columns)
    return ForecastChart(
        f"{family.agent}-previsao",
        "Unidades por semana: realizado e previsto",
        tuple(day - timedelta(days=7 * int(weeks_ago)) for weeks_ago in weeks.index),
        tuple(map(float, weeks)),
        (day, *(day + timedelta(days=int(horizon)) for horizon in ahead.index)),
        low,
        middle,
        high,
        unit="unidades",
    )


def _scores(family: "Family", rows: "DataFrame") -> "Chart":
    """The highest score of all series at each time."""
    from notion_sync.charts import TimelineChart

    peaks = rows.groupby("at")["anomaly_score"].max().sort_index()
    return TimelineChart(
        f"{family.agent}-anomalias", "Anomalias do dia", tuple(at.to_pydatetime() for at in peaks.index), tuple(map(float, peaks)), ALARM
    )


def _by_subject(family: "Family", rows: "DataFrame", column: str, title: str) -> "Chart":
    from notion_sync.charts import BarChart

    return BarChart(
        f"{family.agent}-{column}", title, tuple(map(str, rows[rows.columns[0]])), tuple(map(float, rows[column])), unit="score"
    )


def _sentiment(family: "Family", db: "DuckDBPyConnection", day: date) -> "Chart":
    """Reviews of the scored days, by what the model thinks of them."""
    from notion_sync.charts import DayChart

    query = f"""SELECT CAST(r.created_at AS DATE) AS day, count(*) FILTER (p.p_negative < 0.5), count(*) FILTER (p.p_negative >= 0.5)
        FROM predictions.{family.table} p JOIN staging.stg_varejo__review_texts r USING (review_id)
        WHERE p.as_of = $day GROUP BY 1 ORDER BY 1"""
    days, kind, bad = zip(*db.execute(query, {"day": day}).fetchall(), strict=True)
    parts = (("Positivas ou neutras", tuple(map(float, kind))), ("Negativas", tuple(map(float, bad))))
    return DayChart(f"{family.agent}-sentimento", "Avaliações por dia e sentimento", days, parts)


def _bands(family: "Family", rows: "DataFrame", column: str) -> "Chart":
    """How many subjects lie in each tenth of a probability."""
    from notion_sync.charts import BarChart

    tenths = (rows[column].astype(float).clip(0, 0.999) * 10).astype(int).value_counts().sort_index()
    names = tuple(f"{10 * int(tenth)} a {10 * int(tenth) + 10}%" for tenth in tenths.index)
    return BarChart(f"{family.agent}-{column}", f"Casos por probabilidade ({column})", names, tuple(map(float, tenths)))
