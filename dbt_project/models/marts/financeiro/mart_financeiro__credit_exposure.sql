-- Loans a region at a time, and how many of them are in default. Amounts are Czech crowns, as the bank published them.
SELECT
  {{ as_of() }} AS as_of,
  coalesce(region, 'n/d') AS region,
  count(*) AS loans,
  CAST(sum(amount_czk) AS DOUBLE) AS amount_czk,
  CAST(avg(CAST(is_in_default AS INTEGER)) AS DOUBLE) AS default_share
FROM {{ ref('stg_financeiro__loans') }}
GROUP BY 2
