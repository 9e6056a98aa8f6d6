SELECT
  'pump_' || replace(regexp_extract(_eco_file, 'data/(.+)\.csv$', 1), '/', '_') AS machine_id,
  {{ replayed('datetime', source('industrial', 'pump_telemetry')) }} AS read_at,
  accelerometer1_rms AS accelerometer1,
  accelerometer2_rms AS accelerometer2,
  current,
  pressure,
  temperature,
  thermocouple,
  voltage,
  volume_flow_rate_rms AS flow,
  anomaly > 0 AS is_anomalous
FROM {{ source('industrial', 'pump_telemetry') }}
