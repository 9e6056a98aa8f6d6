-- Accounts that sold regularly: the pace of the last four weeks against their own twelve weeks before, corrected by what all of them together
-- did, so that neither a season nor the luck by which an account came to be called regular looks like a customer who leaves.
WITH known AS (
  SELECT *, due_on > {{ as_of() }} - 28 AS is_recent
  FROM {{ ref('feat_comercial__account_activity') }}
  WHERE due_on BETWEEN {{ as_of() }} - 111 AND {{ as_of() }}
),

accounts AS (
  SELECT
    seller_id,
    coalesce(sum(orders) FILTER (WHERE is_recent), 0) AS orders_28d,
    sum(orders) FILTER (WHERE NOT is_recent) AS orders_before,
    coalesce(sum(revenue_brl) FILTER (WHERE is_recent), 0) AS revenue_28d,
    sum(revenue_brl) FILTER (WHERE NOT is_recent) AS revenue_before,
    -- An account that came later sold in fewer days; four weeks at least, so that one good week is no pace.
    greatest(28, {{ as_of() }} - 27 - min(due_on)) AS days_before,
    max(due_on) AS last_due_on
  FROM known
  GROUP BY 1
  HAVING sum(orders) FILTER (WHERE NOT is_recent) >= 4
),

market AS (
  SELECT coalesce(sum(orders_28d) / nullif(sum(28.0 * orders_before / days_before), 0), 1) AS pace FROM accounts
),

expected AS (
  SELECT a.*, 28.0 * a.orders_before / a.days_before * m.pace AS orders_expected, 28.0 * a.revenue_before / a.days_before * m.pace AS revenue_expected
  FROM accounts a CROSS JOIN market m
),

deals AS (
  SELECT seller_id, arg_max(business_segment, won_at) AS business_segment, CAST(max(won_at) AS DATE) AS won_on
  FROM {{ ref('stg_comercial__closed_deals') }} WHERE won_at < {{ end_of_day() }} GROUP BY 1
)

SELECT
  {{ as_of() }} AS as_of,
  e.seller_id,
  CAST(e.orders_28d AS BIGINT) AS orders_28d,
  round(CAST(e.orders_expected AS DOUBLE), 6) AS orders_expected,
  -- Shrunk to 1 by two orders: an account of four orders a month that sold two says little.
  round(CAST((e.orders_28d + 2.0) / (e.orders_expected + 2.0) AS DOUBLE), 6) AS activity_ratio,
  round(CAST(greatest(0, (e.orders_expected - e.orders_28d) / sqrt(e.orders_expected + 1.0)) AS DOUBLE), 6) AS drop_sigma,
  round(CAST(e.revenue_28d AS DOUBLE), 6) AS revenue_28d_brl,
  round(CAST(e.revenue_expected AS DOUBLE), 6) AS revenue_expected_brl,
  round(CAST(greatest(0, e.revenue_expected - e.revenue_28d) AS DOUBLE), 6) AS revenue_gap_brl,
  CAST({{ as_of() }} - e.last_due_on AS INTEGER) AS days_since_sale,
  d.seller_id IS NOT NULL AS is_from_funnel,
  coalesce(d.business_segment, 'n/d') AS business_segment,
  CAST({{ as_of() }} - d.won_on AS INTEGER) AS days_since_deal,
  {{ is_review_day('account_rescue', 'e.seller_id') }} AS is_review_day
FROM expected e
LEFT JOIN deals d USING (seller_id)
