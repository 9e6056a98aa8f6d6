SELECT
  _eco_row AS customer_number,
  history_segment,
  channel,
  zip_code AS area,
  newbie = 1 AS is_new,
  CAST(recency AS INTEGER) AS recency_months,
  CAST(history AS DOUBLE) AS history_brl,
  mens = 1 AS has_bought_mens,
  womens = 1 AS has_bought_womens,
  segment AS arm,
  visit = 1 AS has_visited,
  conversion = 1 AS has_bought,
  CAST(spend AS DOUBLE) AS spend_brl
FROM {{ source('agencia', 'email_experiment') }}
