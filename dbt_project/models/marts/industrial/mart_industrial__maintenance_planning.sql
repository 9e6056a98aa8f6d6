-- Machines that reported in the week up to the day: how long they ran, how far they drifted, and whether that grows.
WITH known AS (
  SELECT *, window_start >= {{ end_of_day() }} - INTERVAL 24 HOUR AS is_recent
  FROM {{ ref('feat_industrial__sensor_windows') }}
  WHERE window_start < {{ end_of_day() }} AND window_start >= {{ end_of_day() }} - INTERVAL 7 DAY
),

windows AS (
  SELECT
    machine_id,
    any_value(machine_kind) AS machine_kind,
    window_start,
    row_number() OVER (PARTITION BY machine_id ORDER BY window_start) AS position,
    count(*) OVER (PARTITION BY machine_id) AS windows,
    -- A pump has eight sensors, of which one may stray; a thermometer is one.
    count(*) FILTER (WHERE abs(drift_sigma) > 4) >= CASE any_value(machine_kind) WHEN 'pump' THEN 2 ELSE 1 END AS is_odd,
    max(abs(drift_sigma)) AS drift_sigma,
    max(abs(drift_sigma)) FILTER (WHERE sensor LIKE 'accelerometer%') AS vibration_sigma,
    max(value_mean) FILTER (WHERE sensor = 'temperature') AS temperature
  FROM known
  GROUP BY machine_id, window_start
)

SELECT
  {{ as_of() }} AS as_of,
  machine_id,
  any_value(machine_kind) AS machine_kind,
  count(*) AS windows_7d,
  round(CAST(count(window_start) * any_value(CASE machine_kind WHEN 'pump' THEN 30 ELSE 21600 END) / 3600.0 AS DOUBLE), 6) AS hours_observed_7d,
  count(DISTINCT CAST(window_start AS DATE)) AS days_observed_7d,
  CAST(date_diff('hour', max(window_start), {{ end_of_day() }}) AS BIGINT) AS hours_since_reading,
  round(CAST(avg(CAST(is_odd AS INTEGER)) AS DOUBLE), 6) AS odd_share_7d,
  -- The later half of the week's windows less the earlier half: above 0 it gets worse.
  CAST(
    coalesce(avg(CAST(is_odd AS INTEGER)) FILTER (WHERE position * 2 > windows), 0)
    - coalesce(avg(CAST(is_odd AS INTEGER)) FILTER (WHERE position * 2 <= windows), 0) AS DOUBLE
  ) AS odd_trend,
  round(CAST(coalesce(avg(vibration_sigma) FILTER (WHERE position > windows - 5), 0) AS DOUBLE), 6) AS vibration_sigma,
  round(CAST(arg_max(temperature, window_start) AS DOUBLE), 6) AS temperature_last,
  round(CAST(coalesce(avg(temperature) FILTER (WHERE position * 2 > windows) - avg(temperature) FILTER (WHERE position * 2 <= windows), 0) AS DOUBLE), 6)
    AS temperature_change_7d
FROM windows
GROUP BY machine_id
