-- Orders on their way at the end of the day, or up to two weeks overdue, and how orders like them ended: open as long before the promised
-- day, handed over to the carrier or not.
WITH known AS (
  SELECT
    * EXCLUDE (shipped_on, delivered_on),
    CASE WHEN shipped_on <= {{ as_of() }} THEN shipped_on END AS shipped_on,
    CASE WHEN delivered_on <= {{ as_of() }} THEN delivered_on END AS delivered_on
  FROM {{ ref('feat_varejo__order_milestones') }}
  WHERE purchased_on <= {{ as_of() }} AND NOT is_canceled
),

ended AS (
  SELECT *, CAST(coalesce(delivered_on > promised_on, true) AS INTEGER) AS is_late
  FROM known WHERE promised_on BETWEEN {{ as_of() }} - 120 AND {{ as_of() }} - 1
),

overall AS (
  SELECT coalesce(avg(is_late), 0.08) AS late_rate FROM ended
),

history AS (
  SELECT
    k.days_to_promise,
    coalesce(e.shipped_on <= e.promised_on - k.days_to_promise, false) AS is_shipped,
    count(*) AS orders,
    sum(e.is_late) AS late
  FROM ended e
  CROSS JOIN (SELECT CAST(unnest(range(0, 61)) AS INTEGER) AS days_to_promise) k
  WHERE e.purchased_on <= e.promised_on - k.days_to_promise AND coalesce(e.delivered_on > e.promised_on - k.days_to_promise, true)
  GROUP BY 1, 2
)

SELECT
  {{ as_of() }} AS as_of,
  k.order_id,
  k.seller_id,
  k.customer_id,
  k.customer_state,
  k.seller_state,
  k.customer_state = k.seller_state AS is_same_state,
  k.category,
  k.items,
  k.order_value_brl,
  k.freight_brl,
  CAST({{ as_of() }} - k.purchased_on AS INTEGER) AS days_since_purchase,
  CAST(k.promised_on - {{ as_of() }} AS INTEGER) AS days_to_promise,
  CAST(greatest(0, {{ as_of() }} - k.promised_on) AS INTEGER) AS days_late,
  k.shipped_on IS NOT NULL AS is_shipped,
  CAST({{ as_of() }} - k.shipped_on AS INTEGER) AS days_since_shipped,
  -- Shrunk to all orders by 20 of them.
  CAST(CASE WHEN k.promised_on < {{ as_of() }} THEN 1.0 ELSE (coalesce(h.late, 0) + 20 * o.late_rate) / (coalesce(h.orders, 0) + 20) END AS DOUBLE)
    AS open_late_rate,
  CAST(o.late_rate AS DOUBLE) AS late_rate_120d
FROM known k
CROSS JOIN overall o
LEFT JOIN history h ON h.days_to_promise = k.promised_on - {{ as_of() }} AND h.is_shipped = (k.shipped_on IS NOT NULL)
WHERE k.delivered_on IS NULL AND k.promised_on >= {{ as_of() }} - 14 AND k.purchased_on > {{ as_of() }} - 90
