SELECT
  regexp_extract(_eco_file, '(exchange-[0-9]+)_cpc', 1) AS exchange_id,
  {{ replayed('"timestamp"', source('agencia', 'ad_exchange')) }} AS read_at,
  value AS cpc
FROM {{ source('agencia', 'ad_exchange') }}
