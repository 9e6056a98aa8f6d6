-- Leads of the two weeks up to the day that have not bought by its end.
SELECT
  {{ as_of() }} AS as_of,
  h.mql_id,
  h.origin,
  h.landing_page_id,
  CAST({{ as_of() }} - h.contacted_on AS INTEGER) AS age_days,
  h.origin_rate,
  h.landing_page_rate,
  h.landing_page_leads,
  h.contact_month,
  h.contact_weekday
FROM {{ ref('feat_comercial__lead_history') }} h
LEFT JOIN {{ ref('stg_comercial__closed_deals') }} d ON d.mql_id = h.mql_id AND d.won_at < {{ end_of_day() }}
WHERE h.contacted_on BETWEEN {{ as_of() }} - 13 AND {{ as_of() }} AND d.mql_id IS NULL
