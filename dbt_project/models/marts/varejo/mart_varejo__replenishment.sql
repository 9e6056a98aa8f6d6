-- Each category that sold in the four weeks up to the day: pace, price and how its deliveries go.
WITH sales AS (
  SELECT
    category,
    sum(units) FILTER (WHERE day > {{ as_of() }} - 7) AS units_7d,
    sum(units) AS units_28d,
    sum(revenue_brl) / sum(units) AS price_mean_brl,
    sqrt(greatest(0, sum(units * units) / 28.0 - (sum(units) / 28.0) ** 2)) AS daily_std_28d,
    max(day) AS last_sale_on
  FROM {{ ref('stg_varejo__category_daily') }}
  WHERE day BETWEEN {{ as_of() }} - 27 AND {{ as_of() }}
  GROUP BY 1
),

deliveries AS (
  SELECT i.category, avg(CAST(o.delivered_at > o.promised_at AS INTEGER)) AS late_share
  FROM {{ ref('stg_varejo__orders') }} o
  JOIN {{ ref('stg_varejo__order_items') }} i USING (order_id)
  WHERE o.delivered_at >= {{ as_of() }} - 89 AND o.delivered_at < {{ end_of_day() }}
  GROUP BY 1
)

SELECT
  {{ as_of() }} AS as_of,
  s.category,
  CAST(coalesce(s.units_7d, 0) AS BIGINT) AS units_7d,
  CAST(s.units_28d AS BIGINT) AS units_28d,
  CAST(s.units_28d / 28.0 AS DOUBLE) AS daily_mean_28d,
  CAST(s.daily_std_28d AS DOUBLE) AS daily_std_28d,
  CAST(ceil(s.units_28d / 4.0) AS BIGINT) AS planned_units,
  CAST(round(s.price_mean_brl, 2) AS DOUBLE) AS price_mean_brl,
  CAST(coalesce(d.late_share, 0) AS DOUBLE) AS late_share_90d,
  CAST(s.last_sale_on AS DATE) AS last_sale_on
FROM sales s
LEFT JOIN deliveries d USING (category)
