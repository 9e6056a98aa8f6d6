SELECT
  regexp_extract(_eco_file, '([^/]+)_system_failure\.csv$', 1) AS machine_id,
  {{ replayed('"timestamp"', source('industrial', 'machine_temperature')) }} AS read_at,
  value AS temperature
FROM {{ source('industrial', 'machine_temperature') }}
