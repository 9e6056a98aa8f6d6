SELECT
  review_id,
  order_id,
  CAST(review_score AS INTEGER) AS score,
  nullif(trim(concat_ws('. ', review_comment_title, review_comment_message)), '') AS text,
  review_creation_date AS created_at
FROM {{ source('varejo', 'order_reviews') }}
