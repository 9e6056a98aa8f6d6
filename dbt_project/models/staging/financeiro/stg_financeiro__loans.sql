SELECT
  l.loan_id,
  l.account_id,
  d.region,
  l.date AS granted_on,
  CAST(l.amount AS DOUBLE) AS amount_czk,
  l.duration AS months,
  l.status IN ('B', 'D') AS is_in_default
FROM {{ source('financeiro', 'loans') }} l
JOIN {{ source('financeiro', 'accounts') }} a USING (account_id)
LEFT JOIN {{ source('financeiro', 'districts') }} d USING (district_id)
