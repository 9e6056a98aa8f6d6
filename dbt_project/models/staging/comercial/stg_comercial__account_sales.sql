-- Units that accounts sold. The day of the sale is not in the file: `due_at`, the last moment to hand the parcel over, comes days after it, so
-- that a sale counts once its parcel is due and never before it is known.
SELECT
  order_id,
  order_item_id,
  seller_id,
  shipping_limit_date AS due_at,
  CAST(price AS DOUBLE) AS price_brl
FROM {{ source('comercial', 'account_sales') }}
