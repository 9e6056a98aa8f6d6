-- Cost per click of each exchange an hour, on the business calendar.
SELECT
  CAST(exchange_id AS VARCHAR) AS exchange_id,
  CAST(date_trunc('hour', read_at) AS TIMESTAMP) AS hour_start,
  CAST(avg(cpc) AS DOUBLE) AS cpc
FROM {{ ref('stg_agencia__ad_exchange') }}
GROUP BY 1, 2
