SELECT
  mql_id,
  seller_id,
  won_date AS won_at,
  coalesce(business_segment, 'unknown') AS business_segment,
  coalesce(lead_type, 'unknown') AS lead_type
FROM {{ source('comercial', 'closed_deals') }}
