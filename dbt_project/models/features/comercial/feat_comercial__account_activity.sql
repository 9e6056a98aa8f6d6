-- What each account sold, a row a day on which parcels of it were due; a sale is known once its parcel is due.
SELECT
  CAST(seller_id AS VARCHAR) AS seller_id,
  CAST(due_at AS DATE) AS due_on,
  count(DISTINCT order_id) AS orders,
  CAST(sum(price_brl) AS DOUBLE) AS revenue_brl
FROM {{ ref('stg_comercial__account_sales') }}
GROUP BY 1, 2
