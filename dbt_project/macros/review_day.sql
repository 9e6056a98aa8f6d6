{# Whether the day is the one weekday on which a subject may be acted on: its own, drawn from its id, so that nobody is called every day of a
   drop that lasts weeks, and each day has a seventh of the work. Each point draws its own, or a seller would hear of everything on one day. #}
{% macro is_review_day(point, column) -%}
  (CAST('0x' || substr(md5('{{ point }}:' || {{ column }}), 1, 6) AS BIGINT) % 7 + 1 = isodow({{ as_of() }}))
{%- endmacro %}
