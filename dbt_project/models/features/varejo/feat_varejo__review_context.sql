-- Each review with what was known of its order when it was written.
WITH orders AS (
  SELECT order_id, sum(price_brl + freight_brl) AS value_brl, arg_max(category, (price_brl, -order_item_id)) AS category
  FROM {{ ref('stg_varejo__order_items') }} GROUP BY 1
)

SELECT
  CAST(r.review_id AS VARCHAR) AS review_id,
  CAST(r.order_id AS VARCHAR) AS order_id,
  CAST(r.created_at AS TIMESTAMP) AS created_at,
  r.score,
  r.text IS NOT NULL AS has_comment,
  {{ complaint_class('r.text') }} AS complaint_class,
  CAST(greatest(0, date_diff('day', o.promised_at, least(coalesce(o.delivered_at, r.created_at), r.created_at))) AS INTEGER) AS days_late,
  CAST(round(v.value_brl, 2) AS DOUBLE) AS order_value_brl,
  coalesce(v.category, 'sem_categoria') AS category,
  coalesce(c.customer_state, 'n/d') AS customer_state
FROM {{ ref('stg_varejo__reviews') }} r
JOIN {{ ref('stg_varejo__orders') }} o USING (order_id)
LEFT JOIN orders v USING (order_id)
LEFT JOIN {{ ref('stg_varejo__customers') }} c ON c.customer_id = o.customer_id
