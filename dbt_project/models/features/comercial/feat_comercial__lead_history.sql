-- Each lead with what was known when it came in: how leads like it, whose 60 days were over by then, had turned out.
WITH leads AS (
  SELECT
    l.*,
    d.won_at IS NOT NULL AND CAST(d.won_at AS DATE) <= l.contacted_on + 60 AS is_converted
  FROM {{ ref('stg_comercial__leads') }} l
  LEFT JOIN {{ ref('stg_comercial__closed_deals') }} d USING (mql_id)
),

-- Conversions whose outcome became known up to a day, cumulated; then looked up as of the day of contact.
known AS (
  SELECT origin, landing_page_id, contacted_on + 60 AS known_on, CAST(is_converted AS INTEGER) AS converted FROM leads
),

by_origin AS (
  SELECT origin, known_on, sum(sum(converted)) OVER w AS converted, sum(count(*)) OVER w AS leads
  FROM known GROUP BY 1, 2 WINDOW w AS (PARTITION BY origin ORDER BY known_on)
),

by_page AS (
  SELECT landing_page_id, known_on, sum(sum(converted)) OVER w AS converted, sum(count(*)) OVER w AS leads
  FROM known GROUP BY 1, 2 WINDOW w AS (PARTITION BY landing_page_id ORDER BY known_on)
)

SELECT
  l.mql_id,
  CAST(l.contacted_on AS DATE) AS contacted_on,
  l.origin,
  l.landing_page_id,
  -- Shrunk to a prior of 10 % worth 20 leads, so that a page with two leads says little.
  CAST((coalesce(o.converted, 0) + 2.0) / (coalesce(o.leads, 0) + 20.0) AS DOUBLE) AS origin_rate,
  CAST((coalesce(p.converted, 0) + 2.0) / (coalesce(p.leads, 0) + 20.0) AS DOUBLE) AS landing_page_rate,
  CAST(coalesce(p.leads, 0) AS BIGINT) AS landing_page_leads,
  CAST(month(l.contacted_on) AS INTEGER) AS contact_month,
  CAST(isodow(l.contacted_on) AS INTEGER) AS contact_weekday,
  CASE WHEN l.contacted_on + 60 <= CAST('{{ var("anchor") }}' AS DATE) THEN l.is_converted END AS is_converted
FROM leads l
ASOF LEFT JOIN by_origin o ON l.origin = o.origin AND l.contacted_on >= o.known_on
ASOF LEFT JOIN by_page p ON l.landing_page_id = p.landing_page_id AND l.contacted_on >= p.known_on
