SELECT
  i.order_id,
  i.order_item_id,
  i.product_id,
  i.seller_id,
  coalesce(p.product_category_name, 'sem_categoria') AS category,
  CAST(i.price AS DOUBLE) AS price_brl,
  CAST(i.freight_value AS DOUBLE) AS freight_brl
FROM {{ source('varejo', 'order_items') }} i
LEFT JOIN {{ source('varejo', 'products') }} p USING (product_id)
