"""The register of risks, in the customer's model, with the figures that announce a risk as they stand now.

Risks are declared in `templates/risks/register.json`; what its indicators measure comes from the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from notion_sync.documents.inline import Inline, bold, link
from notion_sync.documents.tree import Block, BulletList, Callout, Document, Heading, Paragraph, Property, Table
from notion_sync.formatting import count, date_long, plural
from notion_sync.generators.component_pages import component_path, declared_components
from notion_sync.generators.templates import of_folder
from notion_sync.records import Rendered

PATH = "riscos/registro.md"
_PROBABILITY = {"baixa": 1, "média": 2, "alta": 3}
_IMPACT = {"baixo": 1, "médio": 2, "alto": 3}
INDICATORS = {
    "quarantined": "Remessas em quarentena que aguardam alguém",
    "waiting_approval": "Decisões que aguardam aprovação",
    "failed_executions": "Execuções com falha nos últimos 30 dias",
    "incidents": "Incidentes nos últimos 30 dias",
    "llm_budget": "Parte usada do limite diário de modelos de linguagem",
    "slo_missed": "Níveis de serviço não cumpridos hoje",
}
"""Indicator → what it measures, in words; the figures come as words too, because each has its own unit."""


def declared_risks() -> dict[str, Any]:
    """Return the register as declared. Raises `ConfigError` where it breaks its schema."""
    return of_folder("risks", "register.schema.json")[0]


def severity(risk: Mapping[str, Any]) -> int:
    """Return probability times impact, 1 to 9."""
    return _PROBABILITY[risk["probability"]] * _IMPACT[risk["impact"]]


def severity_words(product: int) -> str:
    """Return how grave a product is."""
    return "Alta" if product >= 6 else "Média" if product >= 3 else "Baixa"


def risk_register(as_of: date, measured: Mapping[str, str], register: Mapping[str, Any] | None = None) -> Rendered:
    """Return the page.

    Args:
        as_of: the day on which it is read; a review that is due by then is called overdue.
        measured: indicator → its figure in words; one that could not be measured is left out.
        register: as `declared_risks` gives it, which is the default.
    """
    body = register or declared_risks()
    risks = sorted(body["risks"], key=lambda risk: (-severity(risk), risk["id"]))
    due = date.fromisoformat(body["reviewed_on"]) + timedelta(days=body["review_every_days"])
    grave = sum(severity_words(severity(risk)) == "Alta" for risk in risks)
    properties: dict[str, Property] = {
        "tipo": "registro_de_riscos",
        "riscos": len(risks),
        "graves": grave,
        "revisado_em": date.fromisoformat(body["reviewed_on"]),
        "revisar_ate": due,
    }
    blocks: list[Block] = [
        Paragraph(f"{count(len(risks), 'risco acompanhado', 'riscos acompanhados')}; {count(grave, 'tem', 'têm')} severidade alta.")
    ]
    if due < as_of:
        blocks.append(Callout(f"A revisão venceu em {date_long(due)}.", "warning"))
    else:
        blocks.append(
            Paragraph(f"Última revisão em {date_long(date.fromisoformat(body['reviewed_on']))}; a próxima é até {date_long(due)}.")
        )
    blocks += [_summary(risks), Heading(2, "Mapa"), _map(risks)]
    components = declared_components()
    for risk in risks:
        blocks += _risk(risk, measured, components)
    return Rendered(PATH, Document("Registro de riscos", properties, tuple(blocks)))


def _summary(risks: list[Any]) -> Table:
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (
            risk["id"],
            risk["title"],
            risk["probability"].capitalize(),
            risk["impact"].capitalize(),
            bold(severity_words(severity(risk))) if severity(risk) >= 6 else severity_words(severity(risk)),
            risk["owner"],
        )
        for risk in risks
    )
    return Table(("Código", "Risco", "Probabilidade", "Impacto", "Severidade", "Responsável"), rows)


def _map(risks: list[Any]) -> Table:
    """Where the risks lie: probability down, impact across."""
    rows: list[tuple[Inline, ...]] = []
    for probability in reversed(_PROBABILITY):
        cells = [", ".join(r["id"] for r in risks if r["probability"] == probability and r["impact"] == impact) for impact in _IMPACT]
        rows.append((bold(f"Probabilidade {probability}"), *cells))
    return Table(("", *(f"Impacto {impact}" for impact in _IMPACT)), tuple(rows))


def _risk(risk: Mapping[str, Any], measured: Mapping[str, str], components: Mapping[str, Any]) -> Iterator[Block]:
    product = severity(risk)
    yield Heading(2, f"{risk['id']} – {risk['title']}", risk["id"].lower())
    facts: list[Inline] = [
        (bold("Contexto: "), risk["context"]),
        (bold("Severidade: "), f"{severity_words(product)} (probabilidade {risk['probability']} × impacto {risk['impact']})"),
        (bold("Responsável: "), risk["owner"]),
    ]
    named = [name for name in risk.get("components", ()) if name in components]
    if named:
        parts: list[Any] = []
        for name in named:
            parts += [", "] if parts else []
            parts.append(link(str(components[name]["title"]), f"../{component_path(name)}"))
        facts.append((bold(plural(len(named), "Componente: ", "Componentes: ")), *parts))
    yield BulletList(tuple(facts))
    known = [name for name in risk.get("indicators", ()) if name in measured]
    if known:
        yield Table(("Indicador precoce", "Agora"), tuple((INDICATORS[name], measured[name]) for name in known), right=frozenset({1}))
    if risk.get("early_signs"):
        yield Heading(3, "Sinais de alerta")
        yield BulletList(tuple(risk["early_signs"]))
    yield Heading(3, "Mitigação")
    yield BulletList(tuple(risk["mitigation"]))
    yield Heading(3, "Plano de contingência")
    yield BulletList(tuple(risk["contingency"]))
