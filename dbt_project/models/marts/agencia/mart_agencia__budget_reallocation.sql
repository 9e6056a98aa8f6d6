-- What the budget goes to, e-mail and telephone audiences and ad exchanges, and the return of each beside that of its channel.
WITH calls AS (
  SELECT job, count(*) AS customers, avg(CAST(is_subscribed AS INTEGER)) AS base_rate
  FROM (SELECT * FROM {{ ref('feat_agencia__call_history') }} ORDER BY call_number DESC LIMIT 2000)
  GROUP BY 1
),

media AS (
  SELECT exchange_id, round(avg(cpc), 6) AS cpc_week
  FROM {{ ref('feat_agencia__exchange_hours') }}
  WHERE hour_start >= {{ as_of() }} - 6 AND hour_start < {{ end_of_day() }}
  GROUP BY 1
),

lines AS (
  SELECT
    'email:' || audience AS audience_id,
    audience AS segment,
    'email' AS channel,
    customers,
    base_rate,
    greatest(uplift_mens_brl, uplift_womens_brl) AS gain_brl,
    uplift_error_brl AS gain_error_brl,
    NULL AS cpc_week
  FROM {{ ref('feat_agencia__audience_uplift') }}
  UNION ALL
  SELECT 'telefone:' || job, job, 'telefone', customers, base_rate, NULL, NULL, NULL FROM calls
  UNION ALL
  SELECT 'midia:' || exchange_id, exchange_id, 'midia', NULL, NULL, NULL, NULL, cpc_week FROM media
)

SELECT
  {{ as_of() }} AS as_of,
  audience_id,
  segment,
  channel,
  customers,
  CAST(round(coalesce(customers / sum(customers) OVER channel, 1.0 / count(*) OVER channel), 6) AS DOUBLE) AS channel_share,
  CAST(round(base_rate, 6) AS DOUBLE) AS base_rate,
  CAST(round(gain_brl, 6) AS DOUBLE) AS gain_brl,
  CAST(round(gain_error_brl, 6) AS DOUBLE) AS gain_error_brl,
  CAST(round(sum(gain_brl * customers) OVER channel / sum(customers) OVER channel, 6) AS DOUBLE) AS channel_gain_brl,
  CAST(cpc_week AS DOUBLE) AS cpc_week,
  CAST(round(avg(cpc_week) OVER channel, 6) AS DOUBLE) AS channel_cpc_week,
  {{ is_review_day('budget_reallocation', 'audience_id') }} AS is_review_day
FROM lines
WINDOW channel AS (PARTITION BY channel)
