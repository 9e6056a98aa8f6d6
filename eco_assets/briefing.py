"""Gathers one agent's day for its report: ledger records, key figures, charts, models, checks, cost and objectives.

Key figures are one SQL query a figure, read for the day and for the day before. How a page looks is `notion_sync`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from eco_assets.contracts.contract import load_contracts
from eco_assets.day import standing_decisions, superseded_decisions
from eco_assets.errors import NotFound
from eco_assets.finops.costs import AgentCost, cost_per_agent
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from eco_assets.slo.objectives import SloResult, evaluate, load_objectives
from ml.families import FAMILIES
from notion_sync.charts import BarChart, Chart
from notion_sync.labels import coded
from notion_sync.records import AgentDay, Kpi

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Figure:
    """A key figure of an agent: `query` gives one number for `$as_of`, NULL when that day has no snapshot."""

    agent: str
    label: str
    unit: str
    query: str


_LEADS, _REVIEWS = "marts.mart_comercial__lead_next_action", "marts.mart_varejo__review_recovery"
_MACHINES, _AUDIENCES = "predictions.industrial_anomaly", "marts.mart_agencia__campaign_targeting"

FIGURES = (
    Figure("comercial", "Leads em aberto", "count", f"SELECT nullif(count(*), 0) FROM {_LEADS} WHERE as_of = $as_of"),
    Figure(
        "comercial",
        "Leads novos no dia",
        "count",
        f"SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (WHERE age_days = 0) END FROM {_LEADS} WHERE as_of = $as_of",
    ),
    Figure(
        "comercial",
        "Probabilidade média de conversão",
        "percent",
        "SELECT avg(p_convert) FROM predictions.comercial_lead_conversion WHERE as_of = $as_of",
    ),
    Figure("varejo", "Receita do dia", "brl", "SELECT sum(revenue_brl) FROM staging.stg_varejo__category_daily WHERE day = $as_of"),
    Figure("varejo", "Unidades vendidas no dia", "count", "SELECT sum(units) FROM staging.stg_varejo__category_daily WHERE day = $as_of"),
    Figure(
        "varejo",
        "Demanda prevista para 7 dias",
        "count",
        "SELECT round(sum(units_p50)) FROM predictions.varejo_demand WHERE as_of = $as_of",
    ),
    Figure("varejo", "Avaliações na semana", "count", f"SELECT nullif(count(*), 0) FROM {_REVIEWS} WHERE as_of = $as_of"),
    Figure(
        "varejo", "Avaliações de pedidos atrasados", "percent", f"SELECT avg(CAST(is_late AS INTEGER)) FROM {_REVIEWS} WHERE as_of = $as_of"
    ),
    Figure("industrial", "Máquinas com leitura no dia", "count", f"SELECT nullif(count(*), 0) FROM {_MACHINES} WHERE as_of = $as_of"),
    Figure(
        "industrial",
        "Máquinas em alarme",
        "count",
        f"SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (WHERE anomaly_score >= 0.5) END FROM {_MACHINES} WHERE as_of = $as_of",
    ),
    Figure("industrial", "Janelas alteradas, média", "percent", f"SELECT avg(anomalous_share) FROM {_MACHINES} WHERE as_of = $as_of"),
    Figure("agencia", "Públicos avaliados", "count", f"SELECT nullif(count(*), 0) FROM {_AUDIENCES} WHERE as_of = $as_of"),
    Figure("agencia", "Custo por clique, semana sobre mês", "percent", f"SELECT max(cpc_ratio) FROM {_AUDIENCES} WHERE as_of = $as_of"),
    Figure(
        "agencia",
        "Resposta prevista por ligação",
        "percent",
        "SELECT avg(p_response) FROM predictions.agencia_campaign_response WHERE as_of = $as_of",
    ),
)

CHARTS = {
    "comercial": (
        "Leads em aberto por origem",
        "count",
        f"SELECT origin, count(*) FROM {_LEADS} WHERE as_of = $as_of GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
    ),
    "varejo": (
        "Demanda prevista por categoria, próximos 7 dias (unidades)",
        "count",
        "SELECT category, round(units_p50) FROM predictions.varejo_demand WHERE as_of = $as_of ORDER BY 2 DESC, 1 LIMIT 10",
    ),
    "industrial": (
        "Janelas alteradas por máquina nas últimas 24 horas",
        "percent",
        f"SELECT machine_id, anomalous_share FROM {_MACHINES} WHERE as_of = $as_of ORDER BY 2 DESC, 1 LIMIT 10",
    ),
    "agencia": (
        "Resposta prevista por público de telefone",
        "percent",
        """SELECT replace(audience_id, 'telefone:', ''), p_response FROM predictions.agencia_campaign_response
           WHERE as_of = $as_of ORDER BY 2 DESC, 1 LIMIT 10""",
    ),
}


def labels() -> dict[str, str]:
    """Words for every action and workflow, as policies and sagas give them."""
    actions = {f"{policy.point}.{action.name}": action.label for policy in load_policies().values() for action in policy.actions}
    return {**{name: saga.label for name, saga in WORKFLOWS.items()}, **actions}


def agent_cost(platform: Platform, agent: str, as_of: date) -> AgentCost:
    """What the agent's day cost, from the ledger."""
    day = as_of.isoformat()
    seconds = sum(entry["cpu_seconds"] for entry in platform.ledger.list("cost", agent=agent, as_of=day))
    decisions, executions = standing_decisions(platform.ledger, agent, day), platform.ledger.list("execution", agent=agent, as_of=day)
    return next(cost for cost in cost_per_agent(decisions, executions, {agent: seconds}) if cost.agent == agent)


def agent_slo(platform: Platform, agent: str, as_of: date) -> list[SloResult]:
    """How the agent stands against each objective, over the objective's window of days up to this one, from the ledger."""
    results: list[SloResult] = []
    for objective in load_objectives():
        since = (as_of - timedelta(days=objective.window_days - 1)).isoformat()
        window = {"agent": agent, "as_of": as_of.isoformat(), "since": since}
        decisions, executions = (platform.ledger.list(kind, **window) for kind in ("decision", "execution"))
        results.extend(evaluate([objective], decisions, executions, [agent]))
    return results


def agent_records(platform: Platform, agent: str, as_of: date) -> AgentDay:
    """What the ledger alone says about the agent's day: enough for the day's first page, whatever was built in the lake."""
    day = as_of.isoformat()
    return AgentDay(
        agent=agent,
        as_of=as_of,
        decisions=standing_decisions(platform.ledger, agent, day),
        executions=platform.ledger.list("execution", agent=agent, as_of=day),
        checks=tuple(_checks(platform, agent)),
        costs=agent_cost(platform, agent, as_of).to_dict(),
        slo=tuple(asdict(result) for result in agent_slo(platform, agent, as_of)),
        ledger_head=platform.ledger.last(agent=agent, as_of=day),
        superseded=superseded_decisions(platform.ledger, agent, day),
    )


def agent_day(platform: Platform, agent: str, as_of: date) -> AgentDay:
    """Everything that the agent's report of one day says."""
    records = agent_records(platform, agent, as_of)
    with platform.lake.connect() as db:
        kpis = tuple(figure_at(db, figure, as_of, as_of - timedelta(days=1)) for figure in FIGURES if figure.agent == agent)
        charts = tuple(_charts(db, agent, as_of, records.decisions))
    return replace(records, kpis=kpis, charts=charts, models=tuple(_models(platform, agent, as_of)))


def figure_at(db: DuckDBPyConnection, figure: Figure, as_of: date, before: date) -> Kpi:
    """A key figure of `as_of`, with that of `before` to compare with."""
    now, then = (db.execute(figure.query, {"as_of": day}).fetchone() for day in (as_of, before))
    return Kpi(figure.label, _number(now), figure.unit, _number(then))


def _number(row: tuple[Any, ...] | None) -> float | None:
    return None if row is None or row[0] is None else float(row[0])


def _charts(db: DuckDBPyConnection, agent: str, as_of: date, decisions: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    words = labels()
    counts = Counter(words[f"{decision['point']}.{decision['action']}"] for decision in decisions)
    if counts:
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        yield BarChart(f"{agent}-acoes", "Decisões por ação", tuple(name for name, _ in ordered), tuple(float(n) for _, n in ordered))
    title, unit, query = CHARTS[agent]
    rows = db.execute(query, {"as_of": as_of}).fetchall()
    if rows:
        yield BarChart(f"{agent}-destaque", title, tuple(coded(str(row[0])) for row in rows), tuple(float(row[1]) for row in rows), unit)


def _models(platform: Platform, agent: str, as_of: date) -> Iterator[dict[str, Any]]:
    for family in FAMILIES.values():
        if family.agent == agent:
            try:
                version = platform.registry.describe(family.name, as_of)
            except NotFound:  # nothing that decides needs it, and it did not beat its baseline or is trained weekly
                continue
            metric = version.primary_metric
            yield {
                "name": version.name,
                "version": version.version,
                "primary_metric": metric,
                "value": version.metrics[metric],
                "baseline": version.baseline[metric],
                "trained_through": version.as_of.isoformat(),
            }


def _checks(platform: Platform, agent: str) -> Iterator[dict[str, Any]]:
    for contract in load_contracts():
        if contract.domain == agent:
            landed = platform.landing.land(contract)
            detail = landed.reasons[0] if landed.reasons else f"{sum(batch.rows for batch in landed.batches)} linhas conforme o contrato"
            yield {"name": f"{contract.table} {contract.version}", "passed": not landed.reasons, "detail": detail}
