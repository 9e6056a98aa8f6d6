SELECT
  seller_id,
  seller_state
FROM {{ source('varejo', 'sellers') }}
