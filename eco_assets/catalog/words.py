"""The catalogue's Portuguese for machine names: layers, kinds of readers, ways in which a column is made. Data only."""

from __future__ import annotations

LAYERS = {
    "raw": "Dados recebidos",
    "staging": "Dados preparados",
    "features": "Atributos",
    "marts": "Bases de decisão",
    "predictions": "Previsões",
}
READERS = {
    "dbt": "tabela",
    "view": "versão antiga",
    "prediction": "modelo",
    "policy": "política de decisão",
    "trace": "rastreio da decisão",
    "figure": "indicador de relatório",
    "chart": "gráfico de relatório",
    "test": "teste",
    "rule": "regra de qualidade",
    "feature view": "atributos servidos",
    "clock": "data do negócio",
}
HOW = {
    "same": "cópia",
    "expression": "cálculo",
    "aggregate": "agregação",
    "rows": "contagem de linhas",
    "model": "modelo",
    "constant": "constante",
    "clock": "data do negócio",
    "": "desconhecida",
}
CLASSES = {"public": "pública", "internal": "interna", "confidential": "confidencial", "restricted": "restrita"}
CADENCES = {"daily": "diária", "reference": "de referência, sem periodicidade"}
STATUSES = {
    "validated": "aceita, ainda não carregada",
    "loaded": "carregada",
    "replaced": "substituída",
    "quarantined": "recusada",
    "replayed": "corrigida e carregada",
    "dropped": "descartada",
}
CONTRACT_STATUSES = {
    "active": "em vigor",
    "draft": "rascunho",
    "proposed": "proposto",
    "deprecated": "em descontinuação",
    "retired": "encerrado",
}
RULES = {
    "exactly": "exatamente",
    "required": "obrigatória",
    "unique": "sem repetição",
    "at least": "no mínimo",
    "at most": "no máximo",
    "more than": "mais de",
    "less than": "menos de",
    "like": "no formato",
    "one of": "um de",
    "written": "escrita como",
    "in": "em",
    "times in": "horário de",
    "deprecated": "em descontinuação",
}
KINDS = {
    "duplicates": "linhas repetidas",
    "orphans": "linhas sem par",
    "latency": "atraso dos dados",
    "frequency": "intervalo entre remessas",
    "row_count": "número de linhas",
    "rows_per_load": "linhas por remessa, em relação às anteriores",
    "rows_per_day": "linhas por dia, em relação aos anteriores",
    "distribution": "distribuição dos valores, em relação às remessas anteriores",
    "sums": "somas que devem coincidir",
    "nulls": "valores ausentes",
    "query": "consulta do contrato",
}
UNITS = {"rows": "linhas", "percent": "%", "days": "dias", "": ""}
STATES = {"ok": "em ordem", "broken": "violada", "unjudged": "ainda não avaliada", "": "ainda não avaliada"}
EXPECTATIONS = {
    "ExpectColumnValuesToBeBetween": "valores entre limites",
    "ExpectColumnValuesToBeUnique": "valores sem repetição",
    "ExpectCompoundColumnsToBeUnique": "combinação sem repetição",
    "ExpectTableRowCountToBeBetween": "número de linhas",
}
