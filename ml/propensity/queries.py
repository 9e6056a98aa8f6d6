"""The rows of the propensity and uplift families: SQL with `$as_of`, and which columns are inputs.

A query for training gives rows whose outcome was known at the end of `$as_of`; one for scoring gives what is open on that day.
`ml/families` declares the families; the benchmark runs the same queries on public data.
"""

from __future__ import annotations

from ml.propensity.estimators import Columns
from ml.propensity.uplift_choice import Experiment

SCORING_DAYS = 30
HORIZON_DAYS = 90
SNAPSHOTS = 6  # a quarter apart
ACTIVE_DAYS = 365  # a customer silent for longer is gone, and would only make the table long

ORDER_TEXT = ["category", "customer_state", "seller_state", "payment_type"]
ORDER_NUMBERS = [
    *("promised_days", "purchase_weekday", "purchase_hour", "items", "sellers", "value_brl", "freight_brl", "freight_share"),
    *("is_same_state", "installments", "earlier_orders", "seller_orders_7d", "seller_orders", "seller_handling_days"),
    *("seller_late_rate", "route_late_rate", "recent_late_rate", "seller_bad_rate", "category_bad_rate"),
]
# What an order is like; histories are left out, for they grow with every order and so always move.
ORDER_WATCHED = (*ORDER_TEXT, "promised_days", "purchase_weekday", "purchase_hour", "items", "value_brl", "freight_share", "installments")
LATE_TRAINING = """
    select * exclude (is_bad_review) from features.feat_varejo__order_risk
    where promise_known_on <= cast($as_of as date) and is_late is not null
    order by purchased_at, order_id"""
LATE_SCORING = f"""
    select r.* exclude (is_late, is_bad_review) from features.feat_varejo__order_risk r
    join staging.stg_varejo__orders o using (order_id)
    where r.purchased_at >= cast($as_of as date) - {SCORING_DAYS - 1} and r.purchased_at < cast($as_of as date) + 1
      and r.promise_known_on > cast($as_of as date) and coalesce(o.delivered_at >= cast($as_of as date) + 1, true)
    order by order_id"""
BAD_REVIEW_TRAINING = """
    select * exclude (is_late) from features.feat_varejo__order_risk
    where review_known_on <= cast($as_of as date) and is_bad_review is not null
    order by purchased_at, order_id"""
BAD_REVIEW_SCORING = f"""
    select r.* exclude (is_late, is_bad_review) from features.feat_varejo__order_risk r
    where r.purchased_at >= cast($as_of as date) - {SCORING_DAYS - 1} and r.purchased_at < cast($as_of as date) + 1
      and not exists (
        select 1 from staging.stg_varejo__reviews v where v.order_id = r.order_id and v.created_at < cast($as_of as date) + 1)
    order by order_id"""

CUSTOMER_TEXT = ["customer_state", "last_category"]
CUSTOMER_NUMBERS = ["since_last_days", "spent_brl", "last_value_brl", "orders_90d", "late_orders", "has_last_late"]


def _customers(first: int, last: int) -> str:
    """One row a customer and snapshot day; snapshots `first` to `last` horizons before `$as_of`, 0 for the day itself."""
    return f"""
    with items as (
      select order_id, sum(price_brl + freight_brl) as value_brl, arg_max(category, price_brl) as category
      from staging.stg_varejo__order_items group by 1
    ),
    purchases as (
      select
        c.customer_unique_id as customer_id, c.customer_state, cast(o.purchased_at as date) as bought_on, o.purchased_at,
        i.value_brl, i.category, cast(o.promised_at as date) as promised_on, cast(o.delivered_at as date) as delivered_on
      from staging.stg_varejo__orders o
      join staging.stg_varejo__customers c using (customer_id)
      join items i on i.order_id = o.order_id
      where o.order_status not in ('canceled', 'unavailable') and o.purchased_at < cast($as_of as date) + 1
    ),
    snapshots as (
      select cast($as_of as date) - cast({HORIZON_DAYS} * number as integer) as snapshot_on from range({first}, {last + 1}) s(number)
    ),
    known as (
      select s.snapshot_on, p.*,
        -- a promise is broken once its day has passed without delivery
        p.promised_on < s.snapshot_on and coalesce(p.delivered_on > p.promised_on, true) as is_late
      from snapshots s join purchases p on p.bought_on <= s.snapshot_on
    )
    select
      k.customer_id,
      k.snapshot_on,
      k.snapshot_on + {HORIZON_DAYS} as known_on,
      arg_max(k.customer_state, k.purchased_at) as customer_state,
      arg_max(k.category, k.purchased_at) as last_category,
      cast(count(distinct k.bought_on) - 1 as integer) as repeat_purchases,
      cast(max(k.bought_on) - min(k.bought_on) as integer) as recency_days,
      cast(k.snapshot_on - min(k.bought_on) as integer) as age_days,
      cast(k.snapshot_on - max(k.bought_on) as integer) as since_last_days,
      cast(sum(k.value_brl) as double) as spent_brl,
      cast(arg_max(k.value_brl, k.purchased_at) as double) as last_value_brl,
      cast(count(*) filter (where k.bought_on > k.snapshot_on - 90) as integer) as orders_90d,
      cast(count(*) filter (where k.is_late) as integer) as late_orders,
      coalesce(arg_max(k.is_late, k.purchased_at), false) as has_last_late,
      exists (
        select 1 from purchases n
        where n.customer_id = k.customer_id and n.bought_on > k.snapshot_on and n.bought_on <= k.snapshot_on + {HORIZON_DAYS}
      ) as has_bought_again
    from known k
    group by k.customer_id, k.snapshot_on
    having max(k.bought_on) > k.snapshot_on - {ACTIVE_DAYS}
    order by k.snapshot_on, k.customer_id"""


REPURCHASE_TRAINING = _customers(1, SNAPSHOTS)
REPURCHASE_SCORING = f"select * exclude (has_bought_again) from ({_customers(0, 0)}) order by customer_id"

EMAIL = Experiment(
    key="customer_number",
    arm="arm",
    control="No E-Mail",
    outcome="has_visited",
    columns=Columns(
        ("history_segment", "channel", "area"), ("recency_months", "history_brl", "is_new", "has_bought_mens", "has_bought_womens")
    ),
)
EMAIL_ROWS = """
    select
      *, history_segment || ' / ' || channel || case when is_new then ' / novo' else ' / antigo' end as audience_id
    from staging.stg_agencia__email_experiment order by customer_number"""
