SELECT
  customer_id,
  customer_unique_id,
  customer_state
FROM {{ source('varejo', 'customers') }}
