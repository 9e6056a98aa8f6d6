-- Audiences that a campaign may go to: e-mail segments with their measured uplift, telephone segments with their last calls.
WITH media AS (
  SELECT
    avg(cpc) FILTER (WHERE read_at >= {{ as_of() }} - 6) / avg(cpc) AS cpc_ratio
  FROM {{ ref('stg_agencia__ad_exchange') }}
  WHERE read_at >= {{ as_of() }} - 27 AND read_at < {{ end_of_day() }}
),

calls AS (
  SELECT job, count(*) AS customers, avg(CAST(is_subscribed AS INTEGER)) AS base_rate
  FROM (SELECT * FROM {{ ref('feat_agencia__call_history') }} ORDER BY call_number DESC LIMIT 2000)
  GROUP BY 1
)

SELECT
  {{ as_of() }} AS as_of,
  'email:' || u.audience AS audience_id,
  'email' AS channel,
  u.customers,
  u.base_rate,
  u.uplift_mens_brl,
  u.uplift_womens_brl,
  u.uplift_error_brl,
  CAST(coalesce(m.cpc_ratio, 1) AS DOUBLE) AS cpc_ratio
FROM {{ ref('feat_agencia__audience_uplift') }} u CROSS JOIN media m
UNION ALL
SELECT
  {{ as_of() }},
  'telefone:' || c.job,
  'telefone',
  c.customers,
  CAST(c.base_rate AS DOUBLE),
  0.0,
  0.0,
  0.0,
  CAST(coalesce(m.cpc_ratio, 1) AS DOUBLE)
FROM calls c CROSS JOIN media m
