-- Each order with the days of its milestones and its dearest seller. What had happened by a day is the reader's to ask: a milestone after the
-- day is not known on it.
WITH items AS (
  SELECT
    order_id,
    count(*) AS items,
    sum(price_brl) AS value_brl,
    sum(freight_brl) AS freight_brl,
    arg_max(category, price_brl) AS category,
    arg_max(seller_id, (price_brl, seller_id)) AS seller_id
  FROM {{ ref('stg_varejo__order_items') }} GROUP BY 1
),

reviews AS (
  SELECT order_id, min(CAST(created_at AS DATE)) AS reviewed_on, arg_min(score, created_at) AS score
  FROM {{ ref('stg_varejo__reviews') }} GROUP BY 1
)

SELECT
  CAST(o.order_id AS VARCHAR) AS order_id,
  CAST(i.seller_id AS VARCHAR) AS seller_id,
  coalesce(c.customer_unique_id, 'n/d') AS customer_id,
  coalesce(c.customer_state, 'n/d') AS customer_state,
  coalesce(s.seller_state, 'n/d') AS seller_state,
  i.category,
  CAST(i.items AS INTEGER) AS items,
  CAST(round(i.value_brl + i.freight_brl, 2) AS DOUBLE) AS order_value_brl,
  CAST(round(i.freight_brl, 2) AS DOUBLE) AS freight_brl,
  CAST(o.purchased_at AS DATE) AS purchased_on,
  CAST(o.promised_at AS DATE) AS promised_on,
  CAST(o.shipped_at AS DATE) AS shipped_on,
  CAST(o.delivered_at AS DATE) AS delivered_on,
  r.reviewed_on,
  CAST(r.score AS INTEGER) AS review_score,
  o.order_status IN ('canceled', 'unavailable') AS is_canceled
FROM {{ ref('stg_varejo__orders') }} o
JOIN items i USING (order_id)
LEFT JOIN {{ ref('stg_varejo__customers') }} c USING (customer_id)
LEFT JOIN {{ ref('stg_varejo__sellers') }} s ON s.seller_id = i.seller_id
LEFT JOIN reviews r ON r.order_id = o.order_id
WHERE o.promised_at IS NOT NULL
