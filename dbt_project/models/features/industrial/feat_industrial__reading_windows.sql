-- Streamed readings in windows of 30 s. Each load touches some windows, late readings old ones; only those are computed again, from all
-- their readings, so that micro-batches of any size and order give the rows that one batch gives.
{{ config(
  materialized='incremental',
  incremental_strategy='delete+insert',
  unique_key=['machine_id', 'tag', 'window_start'],
  on_schema_change='fail'
) }}
WITH readings AS (
  SELECT *, CAST(time_bucket(INTERVAL 30 SECOND, read_at) AS TIMESTAMP) AS window_start FROM {{ ref('stg_industrial__machine_readings') }}
)

SELECT
  machine_id,
  tag,
  window_start,
  count(*) AS readings,
  CAST(avg(value) AS DOUBLE) AS value_mean,
  CAST(stddev_pop(value) AS DOUBLE) AS value_std,
  CAST(min(value) AS DOUBLE) AS value_min,
  CAST(max(value) AS DOUBLE) AS value_max,
  CAST(arg_max(value, (read_at, event_id)) AS DOUBLE) AS value_last,
  max(read_at) AS last_read_at,
  max(loaded_at) AS loaded_through
FROM readings
{% if is_incremental() %}
-- From the newest load on, that one included: two loads may bear the same moment.
WHERE (machine_id, tag, window_start) IN (
  SELECT machine_id, tag, window_start FROM readings
  WHERE loaded_at >= (SELECT coalesce(max(loaded_through), TIMESTAMP '1970-01-01') FROM {{ this }})
)
{% endif %}
GROUP BY 1, 2, 3
