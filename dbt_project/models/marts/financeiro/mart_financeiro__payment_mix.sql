-- How customers pay. The source carries no date: every payment received so far.
SELECT
  {{ as_of() }} AS as_of,
  payment_type,
  count(*) AS payments,
  CAST(round(sum(value_brl), 2) AS DOUBLE) AS value_brl,
  CAST(avg(payment_installments) AS DOUBLE) AS installments_mean
FROM {{ ref('stg_financeiro__payments') }}
GROUP BY payment_type
