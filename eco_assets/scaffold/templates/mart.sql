-- $description One row a subject, as known at the end of the day.
SELECT
  {{ as_of() }} AS as_of,
  $columns
FROM {{ ref('$reads') }}
