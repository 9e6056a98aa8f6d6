"""The card of a model for the people who approve it: what it is for, how good, for whom it is worse, what came true since.

A pure function from records to a page, in Portuguese; the same records give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from notion_sync.documents.inline import Inline, bold, code
from notion_sync.documents.tree import Block, Callout, Document, Heading, Paragraph, Property, Table
from notion_sync.formatting import date_long, measured, number
from notion_sync.labels import METRICS, agent_name, coded, term
from notion_sync.privacy import shown_text
from notion_sync.records import Rendered

STATUS = {
    "champion": "decide",
    "promoted": "decidiu antes",
    "pending": "aguarda revisão",
    "rejected": "recusada",
    "withdrawn": "retirada",
    "not better": "não é melhor",
}
LEVELS = {"stable": "estável", "moderate": "mudança moderada", "large": "mudança grande", "unknown": "poucos dados"}
SLICES_SHOWN = 12
GATE = "gate"  # who let a version through, where nobody had to be asked


@dataclass(frozen=True)
class ModelFacts:
    """What a card is made of; metric names and figures are as the registry has them."""

    name: str
    agent: str
    version: str
    as_of: date
    primary_metric: str
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    versions: Sequence[Mapping[str, str]]  # `version, status, as_of, by, why`: a reviewer's words
    slices: Sequence[Mapping[str, Any]] = ()
    in_service: Mapping[str, float] = field(default_factory=dict)
    drift: Sequence[Mapping[str, Any]] = ()


def card_path(name: str) -> str:
    """The page of a model in the workspace."""
    return f"modelos/{name}.md"


def model_card(facts: ModelFacts) -> Rendered:
    """The card of the version that decides, with what waits for a reviewer."""
    waiting = [each for each in facts.versions if each["status"] == "pending"]
    words = METRICS.get(facts.primary_metric)
    properties: dict[str, Property] = {
        "tipo": "cartao_de_modelo",
        "agente": facts.agent,
        "modelo": facts.name,
        "versao": facts.version,
        "dados_ate": facts.as_of,
        "aguardam_revisao": len(waiting),
    }
    figure, base = facts.metrics.get(facts.primary_metric), facts.baseline.get(facts.primary_metric)
    opening = (
        "A versão ",
        bold(facts.version),
        f" decide para o agente {agent_name(facts.agent)}. Aprendeu com dados até {date_long(facts.as_of)}. Em casos que não viu, ",
        f"{words.label if words else facts.primary_metric}: ",
        bold(measured(figure)),
        f"; uma regra simples alcança {measured(base)}.",
    )
    blocks: list[Block] = [Paragraph(opening), *_waiting(facts.name, waiting)]
    blocks += [
        Heading(2, "Qualidade em casos não vistos"),
        _quality(facts),
        *_in_service(facts),
        *_slices(facts),
        *_drift(facts),
        Heading(2, "Versões"),
        _versions(facts),
    ]
    title = f"Modelo – {_title(facts.name)}"
    return Rendered(card_path(facts.name), Document(title, properties, tuple(blocks)), {})


def _title(name: str) -> str:
    words = term(name)
    return words if isinstance(words, str) else name


def _waiting(name: str, waiting: Sequence[Mapping[str, str]]) -> list[Block]:
    return [
        Callout(
            f"A versão {each['version']} foi melhor e aguarda revisão: abra-a no MLflow e mude a etiqueta review para approved "
            f"ou rejected, ou use eco models approve {name} {each['version']}.",
            kind="warning",
        )
        for each in waiting
    ]


def _quality(facts: ModelFacts) -> Table:
    rows = tuple(
        (_metric(name), measured(value), measured(facts.baseline[name]) if name in facts.baseline else "–")
        for name, value in facts.metrics.items()
    )
    return Table(("Medida", "Modelo", "Regra simples"), rows, right=frozenset({1, 2}))


def _in_service(facts: ModelFacts) -> list[Block]:
    heading = Heading(2, "O que aconteceu depois das previsões")
    if not facts.in_service:
        return [heading, Paragraph("Ainda há poucos resultados conhecidos para julgar as previsões feitas.")]
    rows = tuple((_metric(name), number(value) if name == "rows" else measured(value)) for name, value in facts.in_service.items())
    return [heading, Table(("Medida", "Valor"), rows, right=frozenset({1}))]


def _slices(facts: ModelFacts) -> list[Block]:
    metric = facts.primary_metric
    rows = tuple(
        (_group(str(each["slice"])), number(each["rows"]), measured(each.get(metric)), _band(each)) for each in facts.slices[:SLICES_SHOWN]
    )
    if not rows:
        return []
    words = METRICS[metric].label if metric in METRICS else metric
    header = ("Grupo", "Casos", words[:1].upper() + words[1:], "Intervalo de 95 %")
    return [Heading(2, "Por região e grupo"), Table(header, rows, right=frozenset({1, 2, 3}))]


def _group(name: str) -> Inline:
    """`origin=social` in words."""
    key, _, value = name.partition("=")
    if not value:
        return "Todos" if name == "all" else coded(name)
    shown = {"(other)": "outros", "(missing)": "sem valor"}.get(value) or coded(value)
    what = term(key)
    return (*(what if isinstance(what, tuple) else (what,)), f": {shown}")


def _band(each: Mapping[str, Any]) -> str:
    low, high = each.get("low"), each.get("high")
    return "–" if low is None or low != low else f"{measured(low)} a {measured(high)}"


def _drift(facts: ModelFacts) -> list[Block]:
    if not facts.drift:
        return []
    rows = tuple((term(str(each["what"])), measured(each["value"]), LEVELS[str(each["level"])]) for each in facts.drift)
    header = ("Entrada", "Índice de mudança (PSI)", "Leitura")
    return [Heading(2, "Mudança dos dados desde o treino"), Table(header, rows, right=frozenset({1}))]


def _versions(facts: ModelFacts) -> Table:
    rows = tuple((each["version"], STATUS[each["status"]], each["as_of"], _who(each["by"]), _said(each)) for each in facts.versions[:10])
    return Table(("Versão", "Situação", "Dados até", "Por", "Motivo"), rows, right=frozenset({0}))


def _who(by: str) -> str:
    return "comparação automática" if by in ("", GATE) else by


def _said(each: Mapping[str, str]) -> str:
    """A reviewer's words; those of the gate are English and stay in MLflow."""
    return shown_text(each["why"]) or "–"


def _metric(name: str) -> Inline:
    return METRICS[name].label if name in METRICS else code(name)
