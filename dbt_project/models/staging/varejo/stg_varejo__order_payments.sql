SELECT
  order_id,
  payment_sequential,
  payment_type,
  payment_installments,
  CAST(payment_value AS DOUBLE) AS value_brl
FROM {{ source('varejo', 'order_payments') }}
