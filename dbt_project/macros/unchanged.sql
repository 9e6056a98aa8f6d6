{# Views and tables are made anew only when what they are made from changed. A mark of everything that the result depends on lies on the
   relation as its comment: the model's SQL as it was rendered, days included, its contract, DuckDB's version, the SQL of the views that it
   reads, and the Parquet files of the tables below those. A file of the lake never changes and a delete is a file of its own, so the same
   files are the same rows; a row that is new, late, corrected or removed changes the files. Without its mark, as after a kill, a relation
   is made again. #}

{# In one statement: dbt's own takes four, for a rename, and each is a commit of the lake. #}
{% materialization view, adapter='duckdb' %}
  {%- set mark, existing = local_md5(sql), load_cached_relation(this) -%}
  {%- if is_as_marked('view', existing, mark) -%}
    {%- do say_unchanged() -%}
  {%- else -%}
    {%- if existing is not none and existing.type != 'view' -%}{%- do adapter.drop_relation(existing) -%}{%- endif -%}
    {%- call statement('main') -%} CREATE OR REPLACE VIEW {{ this }} AS ({{ sql }}) {%- endcall -%}
    {%- call statement('mark') -%} COMMENT ON VIEW {{ this }} IS '{{ mark }}' {%- endcall -%}
    {%- do adapter.commit() -%}
  {%- endif -%}
  {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{% materialization table, adapter='duckdb' %}
  {%- set mark, existing = mark_of(sql), load_cached_relation(this) -%}
  {%- if is_as_marked('table', existing, mark) -%}
    {%- do say_unchanged() -%}
  {%- else -%}
    {%- do dbt.materialization_table_duckdb() -%}
    {%- do run_query("COMMENT ON TABLE " ~ this ~ " IS '" ~ mark ~ "'") -%}
  {%- endif -%}
  {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{% macro is_as_marked(kind, existing, mark) %}
  {%- if existing is none or existing.type != kind or flags.FULL_REFRESH -%}{{ return(false) }}{%- endif -%}
  {%- set query -%}
    SELECT 1 FROM duckdb_{{ kind }}s() WHERE comment = '{{ mark }}'
      AND (database_name, schema_name, {{ kind }}_name) = ('{{ this.database }}', '{{ this.schema }}', '{{ this.identifier }}')
  {%- endset -%}
  {{ return(run_query(query).rows | length > 0) }}
{% endmacro %}

{% macro say_unchanged() %}
  {%- call noop_statement('main', 'UNCHANGED', 'UNCHANGED', 0) -%} -- {{ this }} is as it was made {%- endcall -%}
{% endmacro %}

{# Taken before the table is made: what is written to the sources meanwhile changes the next mark. #}
{% macro mark_of(sql) %}
  {%- set views, files, below = ["('', '')"], ["SELECT '' AS file"], model.depends_on.nodes | list -%}
  {%- for id in below -%}
    {%- set node = graph.sources.get(id) or graph.nodes[id] -%}
    {%- if node.config.materialized == 'view' -%}
      {%- do views.append("('" ~ node.schema ~ "', '" ~ node.name ~ "')") -%}
      {%- for next in node.depends_on.nodes if next not in below -%}{%- do below.append(next) -%}{%- endfor -%}
    {%- else -%}
      {%- set listed = "ducklake_list_files('" ~ node.database ~ "', '" ~ node.name ~ "', schema => '" ~ node.schema ~ "')" -%}
      {%- do files.append("SELECT data_file || coalesce(delete_file, '') FROM " ~ listed) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- set query -%}
    SELECT md5(concat_ws('|', version(), '{{ local_md5(sql ~ model.contract.checksum) }}',
      (SELECT string_agg(sql, '|' ORDER BY sql) FROM duckdb_views()
       WHERE database_name = '{{ this.database }}' AND (schema_name, view_name) IN ({{ views | join(', ') }})),
      (SELECT string_agg(replace(file, '{{ env_var("DBT_LAKE_DIR", ".") }}', ''), '|' ORDER BY file) FROM ({{ files | join(' UNION ALL ') }}))))
  {%- endset -%}
  {{ return(run_query(query).columns[0].values()[0]) }}
{% endmacro %}
