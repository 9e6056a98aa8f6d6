-- Reviews of the week up to the day.
SELECT
  {{ as_of() }} AS as_of,
  review_id,
  order_id,
  score,
  has_comment,
  days_late,
  days_late > 0 AS is_late,
  coalesce(order_value_brl, 0) AS order_value_brl,
  category,
  customer_state,
  complaint_class
FROM {{ ref('feat_varejo__review_context') }}
WHERE created_at >= {{ as_of() }} - 6 AND created_at < {{ end_of_day() }}
