SELECT
  review_id,
  order_id,
  created_at,
  score,
  text
FROM {{ ref('stg_varejo__reviews') }}
WHERE text IS NOT NULL
