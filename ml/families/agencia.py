"""The models of the agencia agent."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ml.anomalies import metric_anomaly
from ml.explanations import largest, mean_of
from ml.families.family import SEED, Family
from ml.model import Predictor, Trained
from ml.propensity import conversion, queries, uplift

if TYPE_CHECKING:
    from pandas import DataFrame

CALLS_SCORED = 2000
CALL_TEXT = [
    *("job", "marital", "education", "has_default", "has_housing_loan", "has_personal_loan"),
    *("contact", "month", "weekday", "poutcome"),
]
CALL_NUMBERS = [
    *("age", "campaign", "pdays", "previous"),
    *("emp_var_rate", "cons_price_idx", "cons_conf_idx", "euribor3m", "nr_employed"),
]
_MEDIA = """
        select exchange_id as subject, read_at as at, cpc as value from staging.stg_agencia__ad_exchange
        where read_at < cast($as_of as date) + 1 order by 1, 2"""


def _fit_calls(frame: DataFrame, as_of: date) -> Trained:
    return conversion.train(
        frame,
        target="is_subscribed",
        time_column="call_number",
        categorical=CALL_TEXT,
        numeric=CALL_NUMBERS,
        seed=SEED,
        slice_keys=["job"],
    )


def _score_calls(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    scored = frame[["job"]].assign(p_response=model.predict(frame)["probability"])
    audiences = scored.groupby("job", as_index=False).agg(p_response=("p_response", "mean"), prospects=("job", "size"))
    audiences.insert(0, "audience_id", "telefone:" + audiences["job"].astype(str))
    return audiences.drop(columns="job")


def _fit_email(frame: DataFrame, as_of: date) -> Trained:
    return uplift.train(frame, queries.EMAIL, seed=SEED, slice_keys=["channel"])


def _score_email(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    """Mean uplift of a visit by audience (as in features.feat_agencia__audience_uplift), and the arm most of it is recommended."""
    scored = frame[["audience_id"]].join(model.predict(frame))
    audiences: DataFrame = scored.groupby("audience_id", as_index=False).agg(
        uplift_mens_visit=("uplift_mens_e_mail", "mean"),
        uplift_womens_visit=("uplift_womens_e_mail", "mean"),
        recommended_arm=("recommended_arm", lambda arms: arms.mode().iloc[0]),
        prospects=("recommended_arm", "size"),
    )
    return audiences


def _fit_media(frame: DataFrame, as_of: date) -> Trained:
    return metric_anomaly.train(frame, is_daily=False, seed=SEED)


def score_readings(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    """The readings of the business day; the history before them is what they are compared with."""
    scored = model.predict(frame)
    of_day: DataFrame = scored[scored["at"].dt.date == as_of]
    return of_day.reset_index(drop=True)


def explain_readings(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    """The oddest reading of each series on the day: what each statistic says against it."""
    scored = model.predict(frame).reset_index(drop=True)
    of_day = scored[scored["at"].dt.date == as_of]
    worst = of_day.sort_values("anomaly_score", ascending=False, kind="stable").groupby("subject").head(1)
    found = model.explain(frame)
    found = found[found["row"].isin(worst.index)]
    return largest(found.assign(subject=scored["subject"].astype(str).to_numpy()[found["row"].to_numpy(int)]))


CAMPAIGN_RESPONSE = Family(
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
    explain=mean_of("job", "telefone:"),
    inputs=tuple(name for name in (*CALL_TEXT, "age", "campaign", "previous") if name != "month"),  # not those that tell the date
)
EMAIL_UPLIFT = Family(
    name="agencia_email_uplift",
    agent="agencia",
    table="agencia_email_uplift",
    description="What each e-mail adds to the chance of a visit, by audience, learnt from the randomised experiment.",
    primary_metric="qini",
    train_query=queries.EMAIL_ROWS,
    score_query=queries.EMAIL_ROWS,
    fit=_fit_email,
    score=_score_email,
    explain=mean_of("audience_id"),
)
MEDIA_ANOMALY = Family(
    name="agencia_media_anomaly",
    agent="agencia",
    table="agencia_media_anomaly",
    description="Readings of a media price that are unlike their own past; 0.5 is the alarm.",
    primary_metric="auc",
    train_query=_MEDIA,
    score_query=_MEDIA,
    fit=_fit_media,
    score=score_readings,
    explain=explain_readings,
    is_daily=False,
)
