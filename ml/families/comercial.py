"""The models of the comercial agent."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ml.explanations import by_row
from ml.families.family import SEED, Family
from ml.model import Predictor, Trained
from ml.propensity import conversion

if TYPE_CHECKING:
    from pandas import DataFrame

LEAD_OUTCOME_DAYS = 60  # a lead's outcome counts as known this long after the first contact
LEAD_SCORING_DAYS = 14
LEAD_TEXT = ["origin", "landing_page_id"]
LEAD_NUMBERS = ["origin_rate", "landing_page_rate", "landing_page_leads", "contact_month", "contact_weekday"]


def _fit(frame: DataFrame, as_of: date) -> Trained:
    return conversion.train(
        frame,
        target="is_converted",
        time_column="contacted_on",
        categorical=LEAD_TEXT,
        numeric=LEAD_NUMBERS,
        seed=SEED,
        slice_keys=["origin"],
    )


def _score(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return frame[["mql_id"]].assign(p_convert=model.predict(frame)["probability"])


LEAD_CONVERSION = Family(
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
    fit=_fit,
    score=_score,
    explain=by_row("mql_id"),
    inputs=("origin", "contact_weekday"),  # the others grow with every lead, so they always move
    outcome_query=f"""
        select p.as_of, p.mql_id as subject, p.p_convert as predicted, cast(h.is_converted as integer) as actual
        from predictions.comercial_lead_conversion p join features.feat_comercial__lead_history h using (mql_id)
        where h.is_converted is not null and h.contacted_on <= cast($as_of as date) - {LEAD_OUTCOME_DAYS}
        qualify row_number() over (partition by p.mql_id order by p.as_of) = 1""",
)
