-- Each order with what was known when it was placed. A promise counts as kept or broken the day after it, a review on its day,
-- a hand-over to the carrier on its day; histories are those known before the day of purchase.
WITH items AS (
  SELECT
    i.order_id,
    count(*) AS items,
    count(DISTINCT i.seller_id) AS sellers,
    round(sum(i.price_brl), 2) AS value_brl,
    round(sum(i.freight_brl), 2) AS freight_brl,
    arg_max(i.category, (i.price_brl, -i.order_item_id)) AS category,
    arg_max(i.seller_id, (i.price_brl, -i.order_item_id)) AS seller_id
  FROM {{ ref('stg_varejo__order_items') }} i GROUP BY 1
),

paid AS (
  SELECT order_id, arg_max(payment_type, (value_brl, -payment_sequential)) AS payment_type, max(payment_installments) AS installments
  FROM {{ ref('stg_varejo__order_payments') }} GROUP BY 1
),

scores AS (
  SELECT order_id, min(CAST(created_at AS DATE)) AS reviewed_on, arg_min(score, (created_at, review_id)) <= 2 AS is_bad
  FROM {{ ref('stg_varejo__reviews') }} GROUP BY 1
),

orders AS (
  SELECT
    o.order_id,
    o.purchased_at,
    CAST(o.purchased_at AS DATE) AS purchased_on,
    CAST(o.promised_at AS DATE) AS promised_on,
    CAST(o.shipped_at AS DATE) AS shipped_on,
    coalesce(CAST(o.delivered_at AS DATE) > CAST(o.promised_at AS DATE), true) AS is_late,
    c.customer_unique_id,
    coalesce(c.customer_state, 'n/d') AS customer_state,
    coalesce(s.seller_state, 'n/d') AS seller_state,
    i.* EXCLUDE (order_id),
    p.payment_type,
    p.installments,
    r.reviewed_on,
    r.is_bad
  FROM {{ ref('stg_varejo__orders') }} o
  JOIN items i USING (order_id)
  LEFT JOIN {{ ref('stg_varejo__customers') }} c USING (customer_id)
  LEFT JOIN {{ ref('stg_varejo__sellers') }} s ON s.seller_id = i.seller_id
  LEFT JOIN paid p ON p.order_id = o.order_id
  LEFT JOIN scores r ON r.order_id = o.order_id
  WHERE o.order_status NOT IN ('canceled', 'unavailable') AND o.promised_at IS NOT NULL
),

-- What became known up to the start of a day, cumulated; looked up as of the day of purchase.
seller_promises AS (
  SELECT seller_id, promised_on + 1 AS known_on, sum(sum(CAST(is_late AS INTEGER))) OVER w AS late, sum(count(*)) OVER w AS orders
  FROM orders GROUP BY 1, 2 WINDOW w AS (PARTITION BY seller_id ORDER BY promised_on + 1)
),

route_promises AS (
  SELECT
    seller_state,
    customer_state,
    promised_on + 1 AS known_on,
    sum(sum(CAST(is_late AS INTEGER))) OVER w AS late,
    sum(count(*)) OVER w AS orders
  FROM orders GROUP BY 1, 2, 3 WINDOW w AS (PARTITION BY seller_state, customer_state ORDER BY promised_on + 1)
),

recent_promises AS (
  SELECT promised_on + 1 AS known_on, sum(sum(CAST(is_late AS INTEGER))) OVER w AS late, sum(count(*)) OVER w AS orders
  FROM orders GROUP BY 1 WINDOW w AS (ORDER BY promised_on + 1 RANGE BETWEEN INTERVAL 27 DAY PRECEDING AND CURRENT ROW)
),

seller_handovers AS (
  SELECT seller_id, shipped_on + 1 AS known_on, sum(sum(shipped_on - purchased_on)) OVER w AS days, sum(count(*)) OVER w AS orders
  FROM orders WHERE shipped_on >= purchased_on GROUP BY 1, 2 WINDOW w AS (PARTITION BY seller_id ORDER BY shipped_on + 1)
),

seller_reviews AS (
  SELECT seller_id, reviewed_on + 1 AS known_on, sum(sum(CAST(is_bad AS INTEGER))) OVER w AS bad, sum(count(*)) OVER w AS reviews
  FROM orders WHERE is_bad IS NOT NULL GROUP BY 1, 2 WINDOW w AS (PARTITION BY seller_id ORDER BY reviewed_on + 1)
),

category_reviews AS (
  SELECT category, reviewed_on + 1 AS known_on, sum(sum(CAST(is_bad AS INTEGER))) OVER w AS bad, sum(count(*)) OVER w AS reviews
  FROM orders WHERE is_bad IS NOT NULL GROUP BY 1, 2 WINDOW w AS (PARTITION BY category ORDER BY reviewed_on + 1)
)

SELECT
  CAST(o.order_id AS VARCHAR) AS order_id,
  CAST(o.purchased_at AS TIMESTAMP) AS purchased_at,
  o.promised_on,
  o.promised_on + 1 AS promise_known_on,
  o.purchased_on + 60 AS review_known_on,
  CAST(o.promised_on - o.purchased_on AS INTEGER) AS promised_days,
  CAST(isodow(o.purchased_on) AS INTEGER) AS purchase_weekday,
  CAST(hour(o.purchased_at) AS INTEGER) AS purchase_hour,
  CAST(o.items AS INTEGER) AS items,
  CAST(o.sellers AS INTEGER) AS sellers,
  CAST(o.value_brl AS DOUBLE) AS value_brl,
  CAST(o.freight_brl AS DOUBLE) AS freight_brl,
  CAST(o.freight_brl / nullif(o.value_brl + o.freight_brl, 0) AS DOUBLE) AS freight_share,
  o.category,
  o.customer_state,
  o.seller_state,
  o.customer_state = o.seller_state AS is_same_state,
  coalesce(o.payment_type, 'n/d') AS payment_type,
  CAST(o.installments AS INTEGER) AS installments,
  CAST(row_number() OVER (PARTITION BY o.customer_unique_id ORDER BY o.purchased_at, o.order_id) - 1 AS INTEGER) AS earlier_orders,
  CAST(count(*) OVER (PARTITION BY o.seller_id ORDER BY o.purchased_at RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW) AS INTEGER)
    AS seller_orders_7d,
  -- Shrunk to 7 % late, to 15 % bad reviews and to 3 days of handling, the usual ones, each worth 20 orders.
  CAST((coalesce(sp.late, 0) + 1.4) / (coalesce(sp.orders, 0) + 20.0) AS DOUBLE) AS seller_late_rate,
  CAST((coalesce(rp.late, 0) + 1.4) / (coalesce(rp.orders, 0) + 20.0) AS DOUBLE) AS route_late_rate,
  CAST((coalesce(np.late, 0) + 1.4) / (coalesce(np.orders, 0) + 20.0) AS DOUBLE) AS recent_late_rate,
  CAST((coalesce(sh.days, 0) + 60.0) / (coalesce(sh.orders, 0) + 20.0) AS DOUBLE) AS seller_handling_days,
  CAST(coalesce(sh.orders, 0) AS INTEGER) AS seller_orders,
  CAST((coalesce(sr.bad, 0) + 3.0) / (coalesce(sr.reviews, 0) + 20.0) AS DOUBLE) AS seller_bad_rate,
  CAST((coalesce(cr.bad, 0) + 3.0) / (coalesce(cr.reviews, 0) + 20.0) AS DOUBLE) AS category_bad_rate,
  CASE WHEN o.promised_on + 1 <= CAST('{{ var("anchor") }}' AS DATE) THEN o.is_late END AS is_late,
  CASE WHEN o.reviewed_on < o.purchased_on + 60 AND o.purchased_on + 60 <= CAST('{{ var("anchor") }}' AS DATE) THEN o.is_bad END AS is_bad_review
FROM orders o
ASOF LEFT JOIN seller_promises sp ON o.seller_id = sp.seller_id AND o.purchased_on >= sp.known_on
ASOF LEFT JOIN route_promises rp
  ON o.seller_state = rp.seller_state AND o.customer_state = rp.customer_state AND o.purchased_on >= rp.known_on
ASOF LEFT JOIN recent_promises np ON o.purchased_on >= np.known_on
ASOF LEFT JOIN seller_handovers sh ON o.seller_id = sh.seller_id AND o.purchased_on >= sh.known_on
ASOF LEFT JOIN seller_reviews sr ON o.seller_id = sr.seller_id AND o.purchased_on >= sr.known_on
ASOF LEFT JOIN category_reviews cr ON o.category = cr.category AND o.purchased_on >= cr.known_on
