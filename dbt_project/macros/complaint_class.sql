{# The complaint class of a review by the word stems of `ml/language/complaints.py` (`by_rules`), whose patterns these are; null without a text.
   tests/unit/phd/test_complaint_sql.py holds both against each other. #}
{% macro complaint_class(text) -%}
  {%- set said = "lower(strip_accents(" ~ text ~ "))" -%}
  {%- set patterns = {
    'delivery': "nao (me )?(recebi|chegou|veio|foi entregue|entreg)|ainda nao|ate (agora|hoje|o momento)|atras|demor|extravi|"
      ~ "fora do prazo|correio|prazo (venc|expir|estour)|transportadora|so (recebi|chegou|veio) (um|uma|1|metade|parte)|"
      ~ "falt(a|ou|ando)|parcial|incomplet|rastre",
    'quality': "defeit|quebrad|qualidade|ruim|pessim|horrivel|estrag|danific|rasgad|amassad|nao funciona|parou de funcionar|"
      ~ "nao liga|falsific|pirata|diferente|errad|troca|devol|nao (e|era) (o|a) (que|mesm)|trincad|riscad|arranhad|"
      ~ "veio com|frac[ao]|decepcion|nao gostei",
    'content': "recomend|otim|excelent|adorei|amei|gostei|perfeit|parabens|antes do prazo|dentro do prazo|satisfeit|rapid|"
      ~ "tudo certo|muito bo[ma]",
  } -%}
  {%- set words = {} -%}
  {%- for name, pattern in patterns.items() -%}
    {%- do words.update({name: "len(regexp_extract_all(" ~ said ~ ", '" ~ pattern ~ "'))"}) -%}
  {%- endfor -%}
  CASE
    WHEN {{ text }} IS NULL THEN NULL
    WHEN {{ words.content }} > {{ words.delivery }} + {{ words.quality }} THEN 'satisfeito_com_pedido'
    WHEN {{ words.delivery }} + {{ words.quality }} = 0 THEN 'satisfeito_com_pedido'
    WHEN {{ words.delivery }} >= {{ words.quality }} THEN 'problemas_de_entrega'
    ELSE 'problemas_de_qualidade'
  END
{%- endmacro %}
