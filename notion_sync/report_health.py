"""The report's second half: models against their baselines, data quality, cost, service levels, provenance.

Here belong the sections that say whether the day's decisions can be trusted and what they cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from notion_sync.documents.inline import Inline, bold, code
from notion_sync.documents.tree import Block, BulletList, Callout, Divider, Heading, Paragraph, Table
from notion_sync.formatting import (
    MISSING,
    brl,
    count,
    date_long,
    date_short,
    is_missing,
    measure,
    measured,
    number,
    percent,
    plural,
)
from notion_sync.labels import METRICS, Labels, Metric, term
from notion_sync.privacy import shown_text
from notion_sync.records import AgentDay, Record


def models_section(day: AgentDay, labels: Labels | None) -> Iterator[Block]:
    """Say for each model whether it is better than its simple baseline, and until when it learned."""
    if not day.models:
        return
    yield Heading(2, "Modelos")
    yield BulletList(tuple(_model(model, labels) for model in day.models))


def _model(model: Record, labels: Labels | None) -> Inline:
    words = term(str(model["name"]), labels)
    name = bold(words) if isinstance(words, str) else words
    text = f" (versão {model['version']}): {_against_baseline(model)}"
    until = model.get("trained_through")
    text += f" Aprendeu com dados até {_short(until)}." if until else ""
    return (*name, text) if isinstance(name, tuple) else (name, text)


def _against_baseline(model: Record) -> str:
    slug = str(model["primary_metric"])
    metric = METRICS.get(slug) or Metric(f"medida {slug}", bool(model.get("is_higher_better", True)))
    value, baseline = model.get("value"), model.get("baseline")
    if value is None or is_missing(value):
        return f"{metric.label} ainda não medido."
    figure = percent if metric.is_share else measured
    shown = f"{metric.label} de {figure(value)}"
    if baseline is None or is_missing(baseline):
        return f"{shown}, sem referência para comparar."
    against = f"{shown}, contra {figure(baseline)} da referência simples"
    if slug not in METRICS and "is_higher_better" not in model:
        return f"{against}."
    if value == baseline:
        return f"{against}: igual a ela."
    is_better = (value > baseline) == bool(model.get("is_higher_better", metric.is_higher_better))
    gap = f" ({percent(abs(value - baseline) / abs(baseline), 0)})" if baseline else ""
    return f"{against}: {'melhor' if is_better else 'pior'} do que ela{gap}."


def _short(day: object) -> str:
    if isinstance(day, datetime):
        return date_short(day.date())
    return date_short(day) if isinstance(day, date) else date_short(date.fromisoformat(str(day)[:10]))


def checks_section(day: AgentDay, labels: Labels | None) -> Iterator[Block]:
    """Say how many data checks passed, and name those that did not."""
    if not day.checks:
        return
    yield Heading(2, "Qualidade dos dados")
    failed = [check for check in day.checks if not check["passed"]]
    total = len(day.checks)
    if not failed:
        text = "A única verificação passou." if total == 1 else f"As {number(total)} verificações passaram."
        yield Callout(text, "success")
        return
    text = f"{count(len(failed), 'verificação', 'verificações')} de {number(total)} não "
    yield Callout(f"{text}{plural(len(failed), 'passou', 'passaram')}.", "danger")
    yield BulletList(tuple(_check(check, labels) for check in failed))


def _check(check: Record, labels: Labels | None) -> Inline:
    detail = shown_text(str(check.get("detail") or "")).strip()
    words = term(str(check["name"]), labels)
    name = words if isinstance(words, tuple) else (words,)
    return (*name, f": {detail}") if detail else name


_COSTS = (
    ("compute_brl", "Processamento"),
    ("model_brl", "Modelos de linguagem"),
    ("action_brl", "Ações"),
    ("total_brl", "Total"),
    ("total_per_decision_brl", "Total por decisão"),
)


def cost_section(day: AgentDay) -> Iterator[Block]:
    """Say what the day cost, and what comes back for each real."""
    if not day.costs:
        return
    yield Heading(2, "Custo")
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (bold(words) if name == "total_brl" else words, brl(day.costs[name])) for name, words in _COSTS if name in day.costs
    )
    yield Table(("Parte", "Valor"), rows, right=frozenset({1}))
    back = day.costs.get("return_on_cost")
    if back is not None:
        yield Paragraph(f"Para cada R$ 1,00 gasto, o valor esperado é de {brl(back)}.")


def slo_section(day: AgentDay) -> Iterator[Block]:
    """Say which service levels were met, and how much of each error budget is left."""
    if not day.slo:
        return
    yield Heading(2, "Níveis de serviço")
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (
            str(line.get("title") or line["objective"]),
            _level(line, "value") if line.get("value") is not None else "sem amostras",
            f"{_COMPARISONS[str(line.get('comparison', '>='))]} {_level(line, 'target')}",
            _met(line["is_met"]),
            _budget(line.get("error_budget_left")),
            number(line.get("samples")),
        )
        for line in day.slo
    )
    header = ("Objetivo", "Medido", "Alvo", "Situação", "Margem de erro restante", "Amostras")
    yield Table(header, rows, right=frozenset({1, 2, 4, 5}))


def _budget(left: float | None) -> str:
    return f"excedida em {percent(-left, 0)}" if left is not None and left < 0 else percent(left, 0)


def _met(is_met: bool | None) -> Inline:
    if is_met is None:
        return MISSING
    return "Cumprido" if is_met else bold("Não cumprido")


_COMPARISONS = {"<": "menos de", ">=": "pelo menos"}


def _level(line: Record, name: str) -> str:
    unit = str(line.get("unit", ""))
    if unit == "%":
        return f"{measured(line[name])}%"
    return measure(line[name], unit)


def provenance(day: AgentDay) -> Iterator[Block]:
    """Say where the page's figures come from, so that an auditor can follow them."""
    yield Divider()
    yield Heading(3, "Origem destas informações")
    seen = {f"{d['policy']['name']}@{d['policy']['version']}": str(d["policy"]["digest"]) for d in day.decisions}
    items: list[Inline] = [f"Dia de referência: {date_long(day.as_of)}"]
    for name, digest in sorted(seen.items()):
        items.append(("Política ", code(name), ", resumo criptográfico ", code(digest[:12])))
    items.append(("Registro de auditoria: ", code(day.ledger_head) if day.ledger_head else MISSING))
    yield BulletList(tuple(items))
