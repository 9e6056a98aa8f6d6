SELECT
  product_category_name AS category,
  product_category_name_english AS category_english
FROM {{ source('varejo', 'category_translation') }}
