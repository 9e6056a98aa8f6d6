SELECT
  o.order_id,
  o.customer_id,
  o.order_status,
  o.order_purchase_timestamp AS purchased_at,
  o.order_approved_at AS approved_at,
  o.order_delivered_carrier_date AS shipped_at,
  o.order_delivered_customer_date AS delivered_at,
  o.order_estimated_delivery_date AS promised_at,
  coalesce(m.uniform_sample = 1, false) AS is_uniform_sample
FROM {{ source('varejo', 'orders') }} o
LEFT JOIN {{ source('varejo', 'sample_manifest') }} m USING (order_id)
