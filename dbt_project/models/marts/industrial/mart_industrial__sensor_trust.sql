-- Sensors of the machines that reported in the 24 hours up to the end of the day: silent, stuck, implausible, noisy or drifting.
WITH limits (sensor, low, high) AS (
  -- What the sensor can physically show on these machines; thermometers are in °F as published, pumps in °C.
  VALUES ('accelerometer1', 0.0, 5.0), ('accelerometer2', 0.0, 5.0), ('current', 0.0, 10.0), ('pressure', -1.0, 10.0), ('temperature', -20.0, 200.0),
    ('thermocouple', -20.0, 200.0), ('voltage', 180.0, 265.0), ('flow', 0.0, 200.0)
),

known AS (
  SELECT
    *,
    window_start >= {{ end_of_day() }} - INTERVAL 24 HOUR AS is_recent,
    row_number() OVER (PARTITION BY machine_id, sensor ORDER BY window_start DESC) AS from_last
  FROM {{ ref('feat_industrial__sensor_windows') }}
  WHERE window_start < {{ end_of_day() }}
),

usual AS (
  SELECT machine_id, sensor, median(readings) AS readings FROM known GROUP BY 1, 2
),

sensors AS (
  SELECT
    k.machine_id,
    k.sensor,
    any_value(k.machine_kind) AS machine_kind,
    count(*) AS windows,
    date_diff('second', min(k.window_start), max(k.window_start)) / any_value(CASE k.machine_kind WHEN 'pump' THEN 30 ELSE 21600 END) + 1 AS slots,
    -- The first and the last window of a session are cut by the session, not by the sensor.
    count(*) FILTER (WHERE k.value_mean IS NULL OR (k.readings < u.readings / 2 AND k.from_last > 1 AND k.window_number > 1)) AS thin,
    arg_max(k.value_mean, k.window_start) AS value_last,
    avg(CAST(k.value_std <= 1e-9 AND k.readings > 2 AS INTEGER)) AS stuck_share,
    avg(CAST(k.value_mean NOT BETWEEN l.low AND l.high AS INTEGER)) AS implausible_share,
    avg(k.value_std / nullif(k.normal_noise, 0)) AS noise_ratio,
    avg(k.drift_sigma) FILTER (WHERE k.from_last <= 5) AS drift_sigma
  FROM known k
  JOIN limits l USING (sensor)
  JOIN usual u ON u.machine_id = k.machine_id AND u.sensor = k.sensor
  WHERE k.is_recent
  GROUP BY 1, 2
)

SELECT
  {{ as_of() }} AS as_of,
  machine_id || ':' || sensor AS sensor_id,
  machine_id,
  machine_kind,
  sensor,
  CAST(windows AS BIGINT) AS windows_24h,
  round(CAST(value_last AS DOUBLE), 6) AS value_last,
  round(CAST(least(1.0, greatest(0, slots - windows + thin) / slots) AS DOUBLE), 6) AS missing_share,
  round(CAST(coalesce(stuck_share, 0) AS DOUBLE), 6) AS stuck_share,
  round(CAST(coalesce(implausible_share, 0) AS DOUBLE), 6) AS implausible_share,
  round(CAST(coalesce(noise_ratio, 1) AS DOUBLE), 6) AS noise_ratio,
  round(CAST(coalesce(drift_sigma, 0) AS DOUBLE), 6) AS drift_sigma,
  -- When the others moved too, it is the machine that changed.
  CAST(sum(CAST(abs(coalesce(drift_sigma, 0)) > 4 AS INTEGER)) OVER (PARTITION BY machine_id) - CAST(abs(coalesce(drift_sigma, 0)) > 4 AS INTEGER) AS BIGINT)
    AS others_drifting,
  CAST(count(*) OVER (PARTITION BY machine_id) - 1 AS BIGINT) AS other_sensors
FROM sensors
