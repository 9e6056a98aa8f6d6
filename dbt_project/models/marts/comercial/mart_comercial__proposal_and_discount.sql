-- Leads between their fifth day and the end of the second week that have not bought: old enough to have been talked to, young enough to buy.
WITH leads AS (
  SELECT h.*, CAST({{ as_of() }} - h.contacted_on AS INTEGER) AS age_days
  FROM {{ ref('feat_comercial__lead_history') }} h
  LEFT JOIN {{ ref('stg_comercial__closed_deals') }} d ON d.mql_id = h.mql_id AND d.won_at < {{ end_of_day() }}
  WHERE h.contacted_on BETWEEN {{ as_of() }} - 13 AND {{ as_of() }} - 5 AND d.mql_id IS NULL
),

deals AS (
  SELECT
    l.origin,
    CAST(d.won_at AS DATE) - l.contacted_on AS days_to_win,
    l.contacted_on + 60 <= {{ as_of() }} AS is_over,
    CAST(d.lead_type IN ('online_small', 'online_beginner', 'offline') AS INTEGER) AS is_small,
    CAST(d.lead_type IN ('online_big', 'online_top', 'industry') AS INTEGER) AS is_big
  FROM {{ ref('stg_comercial__closed_deals') }} d
  JOIN {{ ref('stg_comercial__leads') }} l USING (mql_id)
  WHERE d.won_at < {{ end_of_day() }}
),

overall AS (
  SELECT coalesce(avg(is_small), 0.3) AS small_share, coalesce(avg(is_big), 0.3) AS big_share FROM deals
),

by_origin AS (
  SELECT origin, count(*) AS deals, sum(is_small) AS small, sum(is_big) AS big FROM deals GROUP BY 1
),

-- Of the leads that bought within 60 days, how many had not at an age; only leads whose 60 days are over, or late buyers would be missing.
later AS (
  SELECT a.age_days, coalesce(avg(CAST(d.days_to_win > a.age_days AS INTEGER)), 0.5) AS later_share
  FROM (SELECT unnest(range(5, 14)) AS age_days) a
  LEFT JOIN deals d ON d.is_over AND d.days_to_win BETWEEN 0 AND 60
  GROUP BY 1
)

SELECT
  {{ as_of() }} AS as_of,
  l.mql_id,
  l.origin,
  l.landing_page_id,
  l.age_days,
  l.origin_rate,
  l.landing_page_rate,
  l.landing_page_leads,
  CAST(coalesce(b.deals, 0) AS BIGINT) AS origin_deals,
  -- Shrunk to all deals by ten of them.
  CAST((coalesce(b.small, 0) + 10 * o.small_share) / (coalesce(b.deals, 0) + 10) AS DOUBLE) AS small_share,
  CAST((coalesce(b.big, 0) + 10 * o.big_share) / (coalesce(b.deals, 0) + 10) AS DOUBLE) AS big_share,
  CAST(a.later_share AS DOUBLE) AS later_share
FROM leads l
CROSS JOIN overall o
JOIN later a USING (age_days)
LEFT JOIN by_origin b USING (origin)
