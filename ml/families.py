"""The declared table of models: which rows train each one, how it is fitted, what it scores, what it writes.

Add a model here, as one `Family`; an unknown name is an error that lists the known ones. Every query takes the business day
as `$as_of` and reads only rows known at the end of that day. Estimators live in the family modules, MLflow in `tracking.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from eco_assets.errors import NotFound
from ml import anomaly, conversion, forecast, sentiment
from ml.model import Predictor, Trained

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from pandas import DataFrame

SEED = 20180531
LEAD_OUTCOME_DAYS = 60  # a lead's outcome counts as known this long after the first contact
LEAD_SCORING_DAYS = 14
REVIEW_DAYS = 7
CALLS_SCORED = 2000
LEAD_TEXT = ["origin", "landing_page_id"]
LEAD_NUMBERS = ["origin_rate", "landing_page_rate", "landing_page_leads", "contact_month", "contact_weekday"]
CALL_TEXT = [
    *("job", "marital", "education", "has_default", "has_housing_loan", "has_personal_loan"),
    *("contact", "month", "weekday", "poutcome"),
]
CALL_NUMBERS = [
    *("age", "campaign", "pdays", "previous"),
    *("emp_var_rate", "cons_price_idx", "cons_conf_idx", "euribor3m", "nr_employed"),
]


@dataclass(frozen=True)
class Family:
    """One registered model: its data, its training and its predictions table.

    `score(model, frame, as_of)` returns the rows of `predictions.<table>` without `model_name`, `model_version`, `as_of`.
    """

    name: str
    agent: str
    table: str
    description: str
    primary_metric: str
    train_query: str
    score_query: str
    fit: Callable[[DataFrame, date], Trained]
    score: Callable[[Predictor, DataFrame, date], DataFrame]

    def training_frame(self, lake: DuckDBPyConnection, as_of: date) -> DataFrame:
        """The rows known at the end of `as_of` that the model is trained on."""
        return _frame(lake, self.train_query, as_of)

    def scoring_frame(self, lake: DuckDBPyConnection, as_of: date) -> DataFrame:
        """The rows that `score` needs for the predictions of `as_of`."""
        return _frame(lake, self.score_query, as_of)


def family(name: str) -> Family:
    """The family called `name`.

    Raises:
        NotFound: no such model; the message lists the known ones.
    """
    if name not in FAMILIES:
        raise NotFound(f"no model family {name!r}: known are {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]


def _frame(lake: DuckDBPyConnection, query: str, as_of: date) -> DataFrame:
    return lake.execute(query, {"as_of": as_of} if "$as_of" in query else {}).df()


def _fit_demand(frame: DataFrame, as_of: date) -> Trained:
    return forecast.train(frame, as_of=as_of, seed=SEED)


def _fit_sentiment(frame: DataFrame, as_of: date) -> Trained:
    return sentiment.train(frame, seed=SEED)


def _fit_anomaly(frame: DataFrame, as_of: date) -> Trained:
    return anomaly.train(frame, seed=SEED)


def _fit_leads(frame: DataFrame, as_of: date) -> Trained:
    return conversion.train(
        frame,
        target="is_converted",
        time_column="contacted_on",
        categorical=LEAD_TEXT,
        numeric=LEAD_NUMBERS,
        seed=SEED,
    )


def _fit_calls(frame: DataFrame, as_of: date) -> Trained:
    return conversion.train(
        frame,
        target="is_subscribed",
        time_column="call_number",
        categorical=CALL_TEXT,
        numeric=CALL_NUMBERS,
        seed=SEED,
    )


def _score_demand(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return model.predict(frame)


def _score_sentiment(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return frame[["review_id"]].assign(p_negative=model.predict(frame)["p_negative"])


def _score_anomaly(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    end_of_day = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    return anomaly.summarise(model.predict(frame), end_of_day)


def _score_leads(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return frame[["mql_id"]].assign(p_convert=model.predict(frame)["probability"])


def _score_calls(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    scored = frame[["job"]].assign(p_response=model.predict(frame)["probability"])
    audiences = scored.groupby("job", as_index=False).agg(p_response=("p_response", "mean"), prospects=("job", "size"))
    audiences.insert(0, "audience_id", "telefone:" + audiences["job"].astype(str))
    return audiences.drop(columns="job")


_DEMAND = Family(
    name="varejo_demand_forecast",
    agent="varejo",
    table="varejo_demand",
    description="Units of each product category over the next seven days, with a p10 to p90 band (Prophet).",
    primary_metric="wape",
    train_query="""
        select day, category, units from staging.stg_varejo__category_daily
        where day <= $as_of order by day, category""",
    score_query="select cast($as_of as date) as as_of",
    fit=_fit_demand,
    score=_score_demand,
)
_SENTIMENT = Family(
    name="varejo_review_sentiment",
    agent="varejo",
    table="varejo_review_sentiment",
    description="Probability that a review's comment is negative, from its text (TF-IDF and logistic regression).",
    primary_metric="macro_f1",
    train_query="""
        select review_id, text, score from staging.stg_varejo__review_texts
        where created_at < cast($as_of as date) + 1 order by review_id""",
    score_query=f"""
        select review_id, text from staging.stg_varejo__review_texts
        where created_at >= cast($as_of as date) - {REVIEW_DAYS - 1} and created_at < cast($as_of as date) + 1
        order by review_id""",
    fit=_fit_sentiment,
    score=_score_sentiment,
)
_WINDOWS_TO_DATE = """
        select * from features.feat_industrial__machine_windows
        where window_start < cast($as_of as date) + 1 order by machine_id, window_start"""
_ANOMALY = Family(
    name="industrial_sensor_anomaly",
    agent="industrial",
    table="industrial_anomaly",
    description="How far each machine was from its own normal state over the last 24 hours, 0 to 1; 0.5 is the alarm.",
    primary_metric="f1",
    train_query=_WINDOWS_TO_DATE,
    score_query=_WINDOWS_TO_DATE,  # earlier windows too: they are what a machine's normal state is measured on
    fit=_fit_anomaly,
    score=_score_anomaly,
)
_LEADS = Family(
    name="comercial_lead_conversion",
    agent="comercial",
    table="comercial_lead_conversion",
    description=f"Probability that a lead becomes a seller within {LEAD_OUTCOME_DAYS} days of the first contact.",
    primary_metric="auc",
    train_query=f"""
        select * from features.feat_comercial__lead_history
        where contacted_on <= cast($as_of as date) - {LEAD_OUTCOME_DAYS} and is_converted is not null
        order by contacted_on, mql_id""",
    score_query=f"""
        select * exclude (is_converted) from features.feat_comercial__lead_history
        where contacted_on between cast($as_of as date) - {LEAD_SCORING_DAYS - 1} and cast($as_of as date)
        order by mql_id""",
    fit=_fit_leads,
    score=_score_leads,
)
_CALLS = Family(
    name="agencia_campaign_response",
    agent="agencia",
    table="agencia_campaign_response",
    description="Probability that a phone call is answered with a yes, averaged over the occupations called lately.",
    primary_metric="auc",
    train_query="select * from features.feat_agencia__call_history order by call_number",
    score_query=f"""
        select * exclude (is_subscribed) from features.feat_agencia__call_history
        order by call_number desc limit {CALLS_SCORED}""",
    fit=_fit_calls,
    score=_score_calls,
)
FAMILIES: dict[str, Family] = {each.name: each for each in (_DEMAND, _SENTIMENT, _ANOMALY, _LEADS, _CALLS)}
