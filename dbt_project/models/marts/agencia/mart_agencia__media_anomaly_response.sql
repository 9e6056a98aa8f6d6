-- Ad exchanges that reported in the week up to the day: the price of a click on the day against that of the four weeks before it.
WITH known AS (
  SELECT *, hour_start >= {{ end_of_day() }} - INTERVAL 24 HOUR AS is_recent
  FROM {{ ref('feat_agencia__exchange_hours') }}
  WHERE hour_start < {{ end_of_day() }} AND hour_start >= {{ end_of_day() }} - INTERVAL 29 DAY
),

usual AS (
  -- Median and median deviation: a few wild hours must not become what is usual.
  SELECT exchange_id, median(cpc) AS cpc, 1.4826 * mad(cpc) AS spread, quantile_cont(cpc, 0.95) AS high
  FROM known WHERE NOT is_recent GROUP BY 1
)

SELECT
  {{ as_of() }} AS as_of,
  k.exchange_id,
  count(*) AS hours_24h,
  CAST(date_diff('hour', max(k.hour_start), {{ end_of_day() }}) AS BIGINT) AS hours_since_reading,
  round(CAST(arg_max(k.cpc, k.hour_start) AS DOUBLE), 6) AS cpc_last,
  round(CAST(avg(k.cpc) AS DOUBLE), 6) AS cpc_24h,
  round(CAST(max(k.cpc) AS DOUBLE), 6) AS cpc_max_24h,
  round(CAST(any_value(u.cpc) AS DOUBLE), 6) AS cpc_usual,
  round(CAST(avg(k.cpc) / any_value(u.cpc) AS DOUBLE), 6) AS cpc_ratio,
  round(CAST((max(k.cpc) - any_value(u.cpc)) / nullif(any_value(u.spread), 0) AS DOUBLE), 6) AS spike_sigma,
  round(CAST(avg(CAST(k.cpc > u.high AS INTEGER)) AS DOUBLE), 6) AS high_share_24h
FROM known k
JOIN usual u USING (exchange_id)
WHERE k.is_recent
GROUP BY 2
