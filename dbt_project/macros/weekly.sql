{# Tables of the weekly models' predictions that policies read, created empty before their models were trained first: a policy joins them from
   the left and does without. `ml/families` writes them, by name; tests/unit/mcp/test_weekly_tables.py holds these columns against theirs. #}
{% macro weekly_predictions() -%}
  {%- set tables = {
    'agencia_media_anomaly': 'subject VARCHAR, "at" TIMESTAMP, "value" DOUBLE, expected DOUBLE, anomaly_score DOUBLE, is_alarm BOOLEAN',
    'agencia_media_cost': 'series VARCHAR, "at" TIMESTAMP, step BIGINT, value_p10 DOUBLE, value_p50 DOUBLE, value_p90 DOUBLE',
    'industrial_machine_load': 'series VARCHAR, "at" TIMESTAMP, step BIGINT, value_p10 DOUBLE, value_p50 DOUBLE, value_p90 DOUBLE',
    'varejo_repeat_purchase': 'customer_id VARCHAR, p_buy DOUBLE, p_alive DOUBLE',
  } -%}
  CREATE SCHEMA IF NOT EXISTS eco.predictions;
  {%- for table, columns in tables.items() %}
  CREATE TABLE IF NOT EXISTS eco.predictions.{{ table }} (as_of DATE, {{ columns }}, model_name VARCHAR, model_version VARCHAR);
  {%- endfor %}
{%- endmacro %}
