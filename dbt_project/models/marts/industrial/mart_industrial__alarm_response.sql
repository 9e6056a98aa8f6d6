-- Machines that reported in the 24 hours up to the end of the day.
WITH known AS (
  SELECT * FROM {{ ref('feat_industrial__machine_windows') }} WHERE window_start < {{ end_of_day() }}
)

SELECT
  {{ as_of() }} AS as_of,
  machine_id,
  any_value(machine_kind) AS machine_kind,
  count(*) AS windows_24h,
  CAST(sum(readings) AS BIGINT) AS readings_24h,
  CAST(date_diff('hour', max(window_start), {{ end_of_day() }}) AS BIGINT) AS hours_since_reading,
  CAST(arg_max(temperature_mean, window_start) AS DOUBLE) AS temperature_last,
  CAST(arg_max(temperature_mean, window_start) - arg_min(temperature_mean, window_start) AS DOUBLE) AS temperature_change_24h,
  CAST(arg_max(accelerometer1_mean, window_start) AS DOUBLE) AS vibration_last
FROM known
WHERE window_start >= {{ end_of_day() }} - INTERVAL 24 HOUR
GROUP BY machine_id
