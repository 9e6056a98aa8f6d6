-- Only orders sampled evenly over time: the others would look like a rise and a fall in demand.
SELECT
  CAST(o.purchased_at AS DATE) AS day,
  i.category,
  count(*) AS units,
  sum(i.price_brl) AS revenue_brl
FROM {{ ref('stg_varejo__orders') }} o
JOIN {{ ref('stg_varejo__order_items') }} i USING (order_id)
WHERE o.is_uniform_sample AND o.order_status NOT IN ('canceled', 'unavailable')
GROUP BY 1, 2
