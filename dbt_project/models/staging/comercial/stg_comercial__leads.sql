SELECT
  mql_id,
  first_contact_date AS contacted_on,
  landing_page_id,
  coalesce(origin, 'unknown') AS origin
FROM {{ source('comercial', 'leads') }}
