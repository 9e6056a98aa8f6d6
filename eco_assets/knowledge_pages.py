"""Gathers what the pages of no day say: components from the code, risks with their figures, ADRs and runbooks, incidents.

How a page looks is `notion_sync/generators`'s; `KINDS` is what the graph and `eco report` make of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from eco_assets.briefing import agent_slo
from eco_assets.errors import EcoError
from eco_assets.settings import AGENTS, PROJECT_ROOT
from notion_sync.formatting import brl, number, percent

if TYPE_CHECKING:
    from eco_assets.platform import Platform
    from notion_sync.generators.component_pages import ComponentFacts
    from notion_sync.records import Rendered

_RECENT = timedelta(days=30)
_DOCUMENTS = ("docs/adr/*.md", "docs/runbooks/*.md")


def component_facts() -> ComponentFacts:
    """What the code of this installation knows of itself."""
    from eco_assets.contracts.contract import load_contracts
    from eco_assets.finops.prices import declared_prices
    from eco_assets.jorge import agents
    from eco_assets.slo.objectives import load_objectives
    from ml.families import FAMILIES
    from notion_sync.generators.component_pages import ComponentFacts, declared_components

    prices = declared_prices()
    workflows = agents.WORKFLOWS
    globs = {
        glob for body in declared_components().values() for name in ("schemas", "documents", "runbooks") for glob in body.get(name, ())
    }
    return ComponentFacts(
        contracts=[{"table": each.table, "version": each.version, "owner": each.owner} for each in load_contracts()],
        policies=list(_policies()),
        workflows=[{"name": each.name, "label": each.label} for each in workflows.values()],
        models=[{"name": each.name, "metric": each.primary_metric} for each in FAMILIES.values()],
        objectives=[{**each.model_dump(), "warning": each.alert.warning, "critical": each.alert.critical} for each in load_objectives()],
        prices=(("Uma hora de processador", brl(prices.cpu_hour_brl)), ("Um dólar", brl(prices.usd_brl))),
        files={glob: sorted(path.relative_to(PROJECT_ROOT).as_posix() for path in PROJECT_ROOT.glob(glob)) for glob in globs},
    )


def _policies() -> Iterator[dict[str, str]]:
    """Name and version of each policy, as its file says them: loading them would compile every expression (14 s)."""
    import yaml

    from eco_assets.mcp.policies import POLICIES

    for file in sorted(POLICIES.glob("*/*.yaml")):
        body = yaml.load(file.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 -- both are safe ones
        yield {"name": f"{body['agent']}/{body['point']}", "version": str(body["version"])}


def component_pages(platform: Platform) -> tuple[Rendered, ...]:
    """A page for each component, and their index, last."""
    from notion_sync.generators.component_pages import component_pages as render

    return render(component_facts())


def document_pages(platform: Platform) -> tuple[Rendered, ...]:
    """The project's ADRs and runbooks, each with its index."""
    from notion_sync.generators.framed_pages import pages_of

    paths = sorted(path for glob in _DOCUMENTS for path in PROJECT_ROOT.glob(glob))
    return pages_of({path.relative_to(PROJECT_ROOT).as_posix(): path.read_text("utf-8") for path in paths})


def risk_pages(platform: Platform) -> tuple[Rendered, ...]:
    """The register of risks, with its indicators as of the business day."""
    from notion_sync.generators.risk_register import risk_register

    return (risk_register(platform.business_date(), dict(_indicators(platform))),)


def incident_pages(platform: Platform) -> tuple[Rendered, ...]:
    """A post-mortem for each incident, and their index, last."""
    from eco_assets.incidents import KIND
    from notion_sync.generators.post_mortems import post_mortems

    return post_mortems(platform.ledger.list(KIND))


def workflow_pages(platform: Platform) -> tuple[Rendered, ...]:
    """A page for each agent with its workflows and their diagrams, and their index, last."""
    from eco_assets.jorge.agents import WORKFLOWS
    from eco_assets.jorge.catalogue_page import catalogue_pages
    from eco_assets.jorge.starts import starts_of

    return catalogue_pages(WORKFLOWS, starts_of(WORKFLOWS))


KINDS: dict[str, tuple[str, Callable[[Platform], tuple[Rendered, ...]]]] = {
    "components": ("A page for each component: owners, service levels, dependencies, contracts, observability, runbooks.", component_pages),
    "decisions_of_architecture": (
        "The project's architecture decision records and runbooks as pages, in a Portuguese frame.",
        document_pages,
    ),
    "risks": ("The register of risks, with the figures that announce them as they stand.", risk_pages),
    "workflows": ("A page for each agent: its workflows with steps, approval point, promise and diagram.", workflow_pages),
    "post_mortems": ("A page for each incident: what the platform recorded, and the questions that people answer.", incident_pages),
}
"""Name of the asset under `knowledge/grupo` → what it is, and what makes its pages, the one to open first last."""


def _indicators(platform: Platform) -> Iterator[tuple[str, str]]:
    """What can be measured; an indicator whose source is not there yet is left out rather than guessed."""
    from eco_assets.aurion.quarantine import quarantine_of

    ledger, as_of = platform.ledger, platform.business_date()
    window = {"as_of": as_of.isoformat(), "since": (as_of - _RECENT).isoformat()}
    with suppress(EcoError):
        yield "quarantined", number(sum(held.is_waiting for held in quarantine_of(platform).held()))
    executions = ledger.list("execution", **window)
    yield "failed_executions", f"{number(sum(each['outcome'] == 'failed' for each in executions))} de {number(len(executions))}"
    yield "incidents", number(len(ledger.list("incident", **window)))
    yield "waiting_approval", number(_waiting(platform, as_of.isoformat()))
    results = [result for agent in AGENTS for result in agent_slo(platform, agent, as_of)]
    known = [result for result in results if result.is_met is not None]
    yield "slo_missed", f"{number(sum(result.is_met is False for result in known))} de {number(len(known))}"
    spent = sum(float(each.get("cost_usd") or 0) for each in ledger.list("decision", as_of=as_of.isoformat()))
    if platform.settings.llm_budget_usd:
        yield "llm_budget", percent(spent / platform.settings.llm_budget_usd)


def _waiting(platform: Platform, as_of: str) -> int:
    from eco_assets.day import standing_decisions

    answered = {entry["decision_id"] for entry in platform.ledger.list("approval")}
    standing = [decision for agent in AGENTS for decision in standing_decisions(platform.ledger, agent, as_of)]
    return sum(bool(each["requires_approval"]) and each["decision_id"] not in answered for each in standing)
