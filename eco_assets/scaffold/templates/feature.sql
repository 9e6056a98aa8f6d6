-- $description
-- Use only what was known on the row's day: a column that looks ahead makes every model and decision on it worth nothing.
SELECT
  $columns
FROM {{ ref('$reads') }}
