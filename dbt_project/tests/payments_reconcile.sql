-- At least 99 % of orders are paid to within five cents of what their items and freight cost (Olist: 99.7 % to two cents).
{{ config(severity='warn') }}
WITH orders AS (
  SELECT i.order_id, sum(i.price_brl + i.freight_brl) AS owed FROM {{ ref('stg_varejo__order_items') }} i GROUP BY 1
),

paid AS (
  SELECT order_id, sum(value_brl) AS paid FROM {{ ref('stg_varejo__order_payments') }} GROUP BY 1
)

SELECT avg(CAST(abs(paid - owed) <= 0.05 AS INTEGER)) AS share
FROM orders JOIN paid USING (order_id)
HAVING share < 0.99
