-- In the order of the calls; `duration` is left out, it is known only after the call.
SELECT
  _eco_row AS call_number,
  * EXCLUDE (duration, y, _eco_file, _eco_row, _eco_batch, _eco_loaded_at),
  y = 'yes' AS is_subscribed
FROM {{ source('agencia', 'bank_calls') }}
