{# The business day that this build is a snapshot of. #}
{% macro as_of() -%} CAST('{{ var("as_of") }}' AS DATE) {%- endmacro %}

{# The first moment that is not known yet at the end of that day. #}
{% macro end_of_day() -%} (CAST('{{ var("as_of") }}' AS TIMESTAMP) + INTERVAL 1 DAY) {%- endmacro %}

{# A recorded source replays on the business calendar: moved by whole days so that its last day is the anchor. docs/adr/0005. #}
{% macro replayed(column, relation) -%}
  ({{ column }} + to_days(CAST(CAST('{{ var("anchor") }}' AS DATE) - (SELECT CAST(max({{ column }}) AS DATE) FROM {{ relation }}) AS INTEGER)))
{%- endmacro %}
