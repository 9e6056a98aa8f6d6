"""The models of the varejo agent."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from ml.anomalies import metric_anomaly
from ml.explanations import by_row
from ml.families.agencia import explain_readings, score_readings
from ml.families.family import SEED, Family
from ml.families.series import explain_ahead, score_ahead
from ml.forecasting import demand_forecast
from ml.language import sentiment
from ml.model import Predictor, Trained
from ml.propensity import conversion, queries, repurchase

if TYPE_CHECKING:
    from pandas import DataFrame

    from ml.language.embeddings import Encoder

REVIEW_DAYS = 7
_DAILY_SALES = """
        select day, category, units from staging.stg_varejo__category_daily
        where day <= $as_of order by day, category"""
_BUSINESS = """
        with uniform as (
          select order_id, cast(purchased_at as date) as day from staging.stg_varejo__orders
          where is_uniform_sample and purchased_at < cast($as_of as date) + 1
        ),
        days as (select unnest(generate_series((select min(day) from uniform), cast($as_of as date), interval 1 day))::timestamp as at),
        paid as (
          select u.day, p.payment_type, sum(p.value_brl) as value from uniform u
          join staging.stg_varejo__order_payments p using (order_id)
          where p.payment_type in ('credit_card', 'boleto', 'voucher') group by all
        ),
        found as (
          select 'pedidos' as subject, day, cast(count(*) as double) as value from uniform group by day
          union all
          select 'pagamentos:' || payment_type, day, value from paid
        ),
        subjects as (select distinct subject from found)
        select s.subject, d.at, coalesce(f.value, 0.0) as value from subjects s cross join days d
        left join found f on f.subject = s.subject and f.day = cast(d.at as date) order by 1, 2"""


def _fit_demand(frame: DataFrame, as_of: date) -> Trained:
    return demand_forecast.train(frame, as_of=as_of, seed=SEED)


def _fit_sentiment(frame: DataFrame, as_of: date) -> Trained:
    return sentiment.train(frame, seed=SEED)


def _fit_sentiment_encoded(frame: DataFrame, as_of: date, encoder: Encoder) -> Trained:
    return sentiment.train(frame, seed=SEED, encoder=encoder)


def _score_sentiment(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return frame[["review_id"]].assign(p_negative=model.predict(frame)["p_negative"])


def _fit_late(frame: DataFrame, as_of: date) -> Trained:
    return _fit_orders(frame, "is_late", "promise_known_on")


def _fit_bad_review(frame: DataFrame, as_of: date) -> Trained:
    return _fit_orders(frame, "is_bad_review", "review_known_on")


def _fit_orders(frame: DataFrame, target: str, known_column: str) -> Trained:
    return conversion.train(
        frame,
        target=target,
        time_column="purchased_at",
        known_column=known_column,
        categorical=queries.ORDER_TEXT,
        numeric=queries.ORDER_NUMBERS,
        seed=SEED,
        slice_keys=["customer_state"],
    )


def _score_late(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return frame[["order_id"]].assign(p_late=model.predict(frame)["probability"])


def _score_bad_review(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return frame[["order_id"]].assign(p_bad_review=model.predict(frame)["probability"])


def _fit_repurchase(frame: DataFrame, as_of: date) -> Trained:
    return repurchase.train(
        frame,
        categorical=queries.CUSTOMER_TEXT,
        numeric=queries.CUSTOMER_NUMBERS,
        horizon_days=queries.HORIZON_DAYS,
        seed=SEED,
        slice_keys=["customer_state"],
    )


def _score_repurchase(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    found = model.predict(frame)
    return frame[["customer_id"]].assign(p_buy=found["probability"], p_alive=found["p_alive"])


def _fit_business(frame: DataFrame, as_of: date) -> Trained:
    return metric_anomaly.train(frame, is_daily=True, seed=SEED)


DEMAND = Family(
    name="varejo_demand_forecast",
    agent="varejo",
    table="varejo_demand",
    description="Units of each product category over the next seven days, with a p10 to p90 band.",
    primary_metric="wape",
    train_query=_DAILY_SALES,
    score_query=_DAILY_SALES,  # the model keeps weights, not forecasts: it extends the sales up to the day
    fit=_fit_demand,
    score=score_ahead,
    explain=partial(explain_ahead, ("category",)),
    is_probability=False,
    outcome_query="""
        select p.as_of, p.category as subject, p.units_p50 as predicted, coalesce(sum(d.units), 0) as actual,
          p.units_p10 as low, p.units_p90 as high
        from predictions.varejo_demand p
        left join staging.stg_varejo__category_daily d on d.category = p.category and d.day > p.as_of and d.day <= p.as_of + 7
        where p.as_of + 7 <= cast($as_of as date) group by all""",
)
SENTIMENT = Family(
    name="varejo_review_sentiment",
    agent="varejo",
    table="varejo_review_sentiment",
    description="Probability that a review's comment is negative, from its text.",
    primary_metric="macro_f1",
    train_query="""
        select t.review_id, t.text, t.score, c.category, c.customer_state from staging.stg_varejo__review_texts t
        left join features.feat_varejo__review_context c using (review_id, order_id)
        where t.created_at < cast($as_of as date) + 1 order by t.review_id""",
    score_query=f"""
        select review_id, text from staging.stg_varejo__review_texts
        where created_at >= cast($as_of as date) - {REVIEW_DAYS - 1} and created_at < cast($as_of as date) + 1
        order by review_id""",
    fit=_fit_sentiment,
    fit_encoded=_fit_sentiment_encoded,
    score=_score_sentiment,
    explain=by_row("review_id"),
    outcome_query="""
        select p.as_of, p.review_id as subject, p.p_negative as predicted, cast(r.score <= 2 as integer) as actual
        from predictions.varejo_review_sentiment p join staging.stg_varejo__review_texts r using (review_id)
        where r.score <> 3 and p.as_of <= cast($as_of as date)
        qualify row_number() over (partition by p.review_id order by p.as_of) = 1""",
)
LATE_DELIVERY = Family(
    name="varejo_late_delivery",
    agent="varejo",
    table="varejo_late_delivery",
    description="Probability that an open order comes after the promised day, from what was known when it was placed.",
    primary_metric="auc",
    train_query=queries.LATE_TRAINING,
    score_query=queries.LATE_SCORING,
    fit=_fit_late,
    score=_score_late,
    explain=by_row("order_id"),
    inputs=queries.ORDER_WATCHED,
    outcome_query="""
        select p.as_of, p.order_id as subject, p.p_late as predicted, cast(r.is_late as integer) as actual
        from predictions.varejo_late_delivery p join features.feat_varejo__order_risk r using (order_id)
        where r.is_late is not null and r.promise_known_on <= cast($as_of as date)
        qualify row_number() over (partition by p.order_id order by p.as_of) = 1""",
)
BAD_REVIEW = Family(
    name="varejo_bad_review",
    agent="varejo",
    table="varejo_bad_review",
    description="Probability of 1 or 2 stars for an order without a review yet, from what was known when it was placed.",
    primary_metric="auc",
    train_query=queries.BAD_REVIEW_TRAINING,
    score_query=queries.BAD_REVIEW_SCORING,
    fit=_fit_bad_review,
    score=_score_bad_review,
    explain=by_row("order_id"),
    inputs=queries.ORDER_WATCHED,
    outcome_query="""
        select p.as_of, p.order_id as subject, p.p_bad_review as predicted, cast(r.is_bad_review as integer) as actual
        from predictions.varejo_bad_review p join features.feat_varejo__order_risk r using (order_id)
        where r.is_bad_review is not null and r.review_known_on <= cast($as_of as date)
        qualify row_number() over (partition by p.order_id order by p.as_of) = 1""",
)
REPEAT_PURCHASE = Family(
    name="varejo_repeat_purchase",
    agent="varejo",
    table="varejo_repeat_purchase",
    description="Probability that a customer buys again within 90 days (BG/NBD and propensity); 1 less it is churn.",
    primary_metric="auc",
    train_query=queries.REPURCHASE_TRAINING,
    score_query=queries.REPURCHASE_SCORING,
    fit=_fit_repurchase,
    score=_score_repurchase,
    explain=by_row("customer_id"),
    inputs=tuple(queries.CUSTOMER_TEXT),
    is_daily=False,
)
BUSINESS_ANOMALY = Family(
    name="varejo_business_anomaly",
    agent="varejo",
    table="varejo_business_anomaly",
    description="Days whose orders or payments are unlike their own past; 0.5 is the alarm.",
    primary_metric="auc",
    train_query=_BUSINESS,
    score_query=_BUSINESS,
    fit=_fit_business,
    score=score_readings,
    explain=explain_readings,
    is_daily=False,
)
