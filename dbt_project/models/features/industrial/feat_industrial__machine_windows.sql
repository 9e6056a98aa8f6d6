-- One row a machine and window: 30 s for a pump read once a second, 6 h for a thermometer read every few minutes.
{% set sensors = ['accelerometer1', 'accelerometer2', 'current', 'pressure', 'temperature', 'thermocouple', 'voltage', 'flow'] %}
SELECT
  machine_id,
  'pump' AS machine_kind,
  CAST(time_bucket(INTERVAL 30 SECOND, read_at) AS TIMESTAMP) AS window_start,
  count(*) AS readings,
  {% for sensor in sensors %}
  CAST(avg({{ sensor }}) AS DOUBLE) AS {{ sensor }}_mean,
  CAST(stddev_pop({{ sensor }}) AS DOUBLE) AS {{ sensor }}_std,
  {% endfor %}
  bool_or(is_anomalous) AS is_anomalous
FROM {{ ref('stg_industrial__pump_telemetry') }}
GROUP BY 1, 3
UNION ALL BY NAME
SELECT
  machine_id,
  'thermometer' AS machine_kind,
  CAST(time_bucket(INTERVAL 6 HOUR, read_at) AS TIMESTAMP) AS window_start,
  count(*) AS readings,
  CAST(avg(temperature) AS DOUBLE) AS temperature_mean,
  CAST(stddev_pop(temperature) AS DOUBLE) AS temperature_std
FROM {{ ref('stg_industrial__machine_temperature') }}
GROUP BY 1, 3
