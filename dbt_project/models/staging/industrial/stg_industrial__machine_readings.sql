-- Readings of the resident ingester that can be counted: numbers of good quality, measured when they say (a retained message repeats an old one).
SELECT
  event_id,
  machine_id,
  tag,
  measured_at AS read_at,
  value,
  _eco_loaded_at AS loaded_at
FROM {{ source('industrial', 'machine_events') }}
WHERE value IS NOT NULL AND quality = 'good' AND NOT coalesce(is_retained, false) AND NOT coalesce(is_ahead_of_clock, false)
