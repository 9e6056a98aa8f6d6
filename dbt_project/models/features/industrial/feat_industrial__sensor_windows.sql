-- Machine windows a sensor at a time, each beside the sensor's own normal state before it: a pump's first 13 windows, about 400 s, which its
-- publisher documents as normal; a thermometer's 28 windows before, a week. A window that has no normal state before it yet has none.
{% set sensors = ['accelerometer1', 'accelerometer2', 'current', 'pressure', 'temperature', 'thermocouple', 'voltage', 'flow'] %}
WITH long AS (
  {% for sensor in sensors %}
  SELECT machine_id, machine_kind, '{{ sensor }}' AS sensor, window_start, readings, {{ sensor }}_mean AS value_mean, {{ sensor }}_std AS value_std
  FROM {{ ref('feat_industrial__machine_windows') }}
  WHERE machine_kind = 'pump'{% if sensor == 'temperature' %} OR machine_kind = 'thermometer'{% endif %}
  {% if not loop.last %}UNION ALL{% endif %}
  {% endfor %}
),

numbered AS (
  SELECT
    *,
    row_number() OVER w AS window_number,
    avg(value_mean) OVER before AS week_mean,
    stddev_samp(value_mean) OVER before AS week_std,
    avg(value_std) OVER before AS week_noise,
    count(value_mean) OVER before AS week_windows
  FROM long
  WINDOW
    w AS (PARTITION BY machine_id, sensor ORDER BY window_start),
    before AS (PARTITION BY machine_id, sensor ORDER BY window_start ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING)
),

first AS (
  SELECT machine_id, sensor, avg(value_mean) AS mean, stddev_samp(value_mean) AS std, avg(value_std) AS noise
  FROM numbered WHERE machine_kind = 'pump' AND window_number <= 13 GROUP BY 1, 2
)

SELECT
  n.machine_id,
  n.machine_kind,
  n.sensor,
  n.window_start,
  CAST(n.window_number AS INTEGER) AS window_number,
  CAST(n.readings AS BIGINT) AS readings,
  CAST(n.value_mean AS DOUBLE) AS value_mean,
  CAST(n.value_std AS DOUBLE) AS value_std,
  CAST(CASE WHEN n.machine_kind = 'pump' THEN CASE WHEN n.window_number > 13 THEN f.noise END WHEN n.week_windows >= 8 THEN n.week_noise END AS DOUBLE)
    AS normal_noise,
  -- In standard deviations of the normal windows' means; never less than a quarter of the noise in a window, or a quiet start makes alarms.
  CAST(
    CASE
      WHEN n.machine_kind = 'pump' AND n.window_number > 13 THEN (n.value_mean - f.mean) / nullif(greatest(f.std, f.noise / 4), 0)
      WHEN n.machine_kind = 'thermometer' AND n.week_windows >= 8 THEN (n.value_mean - n.week_mean) / nullif(greatest(n.week_std, n.week_noise / 4), 0)
    END AS DOUBLE
  ) AS drift_sigma
FROM numbered n
LEFT JOIN first f USING (machine_id, sensor)
