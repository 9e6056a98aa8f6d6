-- Sellers with at least five orders in 90 days: promises broken, bad reviews and cancellations of those days, against all sellers'.
WITH known AS (
  SELECT
    *,
    promised_on BETWEEN {{ as_of() }} - 90 AND {{ as_of() }} - 1 AND NOT is_canceled AS is_promise_over,
    CAST(coalesce(delivered_on > promised_on, true) AS INTEGER) AS is_late,
    reviewed_on BETWEEN {{ as_of() }} - 89 AND {{ as_of() }} AS is_reviewed,
    CAST(review_score <= 2 AS INTEGER) AS is_bad,
    purchased_on > {{ as_of() }} - 90 AS is_recent
  FROM {{ ref('feat_varejo__order_milestones') }}
  WHERE purchased_on <= {{ as_of() }} AND greatest(purchased_on, promised_on, reviewed_on) > {{ as_of() }} - 91
),

sellers AS (
  SELECT
    seller_id,
    any_value(seller_state) AS seller_state,
    count(*) FILTER (WHERE is_recent) AS orders_90d,
    count(*) FILTER (WHERE purchased_on > {{ as_of() }} - 28) AS orders_28d,
    coalesce(sum(order_value_brl) FILTER (WHERE purchased_on > {{ as_of() }} - 28 AND NOT is_canceled), 0) AS revenue_28d,
    count(*) FILTER (WHERE is_promise_over) AS promises_90d,
    coalesce(sum(is_late) FILTER (WHERE is_promise_over), 0) AS late_90d,
    count(*) FILTER (WHERE is_reviewed) AS reviews_90d,
    coalesce(sum(is_bad) FILTER (WHERE is_reviewed), 0) AS bad_90d,
    count(*) FILTER (WHERE is_recent AND is_canceled) AS canceled_90d,
    avg(shipped_on - purchased_on) FILTER (WHERE is_recent AND shipped_on <= {{ as_of() }}) AS handling_days
  FROM known
  GROUP BY 1
),

market AS (
  SELECT
    coalesce(sum(late_90d) / nullif(sum(promises_90d), 0), 0.07) AS late_rate,
    coalesce(sum(bad_90d) / nullif(sum(reviews_90d), 0), 0.15) AS bad_rate,
    coalesce(sum(canceled_90d) / nullif(sum(orders_90d), 0), 0.01) AS canceled_rate
  FROM sellers
)

SELECT
  {{ as_of() }} AS as_of,
  s.seller_id,
  s.seller_state,
  CAST(s.orders_90d AS BIGINT) AS orders_90d,
  CAST(s.orders_28d AS BIGINT) AS orders_28d,
  round(CAST(s.revenue_28d AS DOUBLE), 6) AS revenue_28d_brl,
  CAST(s.promises_90d AS BIGINT) AS promises_90d,
  CAST(s.reviews_90d AS BIGINT) AS reviews_90d,
  -- Each rate is shrunk to that of all sellers by ten orders.
  round(CAST((s.late_90d + 10 * m.late_rate) / (s.promises_90d + 10) AS DOUBLE), 6) AS late_rate_90d,
  round(CAST((s.bad_90d + 10 * m.bad_rate) / (s.reviews_90d + 10) AS DOUBLE), 6) AS bad_rate_90d,
  round(CAST((s.canceled_90d + 10 * m.canceled_rate) / (s.orders_90d + 10) AS DOUBLE), 6) AS canceled_rate_90d,
  round(CAST(m.late_rate AS DOUBLE), 6) AS market_late_rate,
  round(CAST(m.bad_rate AS DOUBLE), 6) AS market_bad_rate,
  round(CAST(m.canceled_rate AS DOUBLE), 6) AS market_canceled_rate,
  round(CAST(coalesce(s.handling_days, 0) AS DOUBLE), 6) AS handling_days_90d,
  {{ is_review_day('seller_watch', 's.seller_id') }} AS is_review_day
FROM sellers s
CROSS JOIN market m
WHERE s.orders_90d >= 5
