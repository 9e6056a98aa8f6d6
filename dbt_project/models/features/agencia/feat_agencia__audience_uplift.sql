-- What an e-mail adds to a customer's spend, an audience at a time, from the randomised experiment.
-- Each audience's difference is shrunk to the overall one by a prior worth 500 customers an arm.
WITH arms AS (
  SELECT history_segment || ' / ' || channel || CASE WHEN is_new THEN ' / novo' ELSE ' / antigo' END AS audience, arm, spend_brl, has_visited
  FROM {{ ref('stg_agencia__email_experiment') }}
),

overall AS (
  SELECT
    avg(spend_brl) FILTER (WHERE arm = 'Mens E-Mail') - avg(spend_brl) FILTER (WHERE arm = 'No E-Mail') AS mens,
    avg(spend_brl) FILTER (WHERE arm = 'Womens E-Mail') - avg(spend_brl) FILTER (WHERE arm = 'No E-Mail') AS womens,
    var_samp(spend_brl) AS variance
  FROM arms
),

by_audience AS (
  SELECT
    audience,
    count(*) AS customers,
    avg(CAST(has_visited AS INTEGER)) FILTER (WHERE arm = 'No E-Mail') AS base_rate,
    avg(spend_brl) FILTER (WHERE arm = 'Mens E-Mail') - avg(spend_brl) FILTER (WHERE arm = 'No E-Mail') AS mens,
    avg(spend_brl) FILTER (WHERE arm = 'Womens E-Mail') - avg(spend_brl) FILTER (WHERE arm = 'No E-Mail') AS womens
  FROM arms GROUP BY 1
)

SELECT
  a.audience,
  a.customers,
  CAST(coalesce(a.base_rate, 0) AS DOUBLE) AS base_rate,
  CAST((coalesce(a.mens, o.mens) * a.customers / 3 + o.mens * 500) / (a.customers / 3 + 500) AS DOUBLE) AS uplift_mens_brl,
  CAST((coalesce(a.womens, o.womens) * a.customers / 3 + o.womens * 500) / (a.customers / 3 + 500) AS DOUBLE) AS uplift_womens_brl,
  CAST(sqrt(2 * o.variance / (a.customers / 3 + 500)) AS DOUBLE) AS uplift_error_brl
FROM by_audience a CROSS JOIN overall o
