SELECT
  _eco_row AS customer_number,
  history_segment,
  channel,
  newbie = 1 AS is_new,
  segment AS arm,
  visit = 1 AS has_visited,
  conversion = 1 AS has_bought,
  CAST(spend AS DOUBLE) AS spend_brl
FROM {{ source('agencia', 'email_experiment') }}
