"""What the tools' server lets a client read: policies, contracts, reports, decisions; and prompts, in Portuguese."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.prompts.base import Message, UserMessage

from eco_assets.errors import EcoError, NotFound, RequestRefused

if TYPE_CHECKING:
    from eco_assets.mcp.service.state import Service
    from eco_assets.mcp.service.tools import EcoServer
    from eco_assets.settings import Settings

YAML, JSON, MARKDOWN = "application/yaml", "application/json", "text/markdown"


def add_resources(server: EcoServer, service: Service) -> None:
    """Register what may be read."""
    from eco_assets.mcp.service.tools import CALLER

    def may_read() -> None:
        if "read" not in CALLER.get().scopes:
            raise ResourceError("the key lacks the scope read")

    @server.resource("eco://policies", title="Políticas", mime_type=JSON)
    def policies() -> str:
        """Todos os pontos de decisão com a versão em vigor."""
        may_read()
        return json.dumps([{"name": p.name, "version": p.version, "description": p.description} for p in service.policies.values()])

    @server.resource("eco://policies/{agent}/{point}", title="Política", mime_type=YAML)
    def policy(agent: str, point: str) -> str:
        """O texto de uma política."""
        may_read()
        return _told(lambda: service.decider.policy(f"{agent}/{point}").text)

    @server.resource("eco://contracts/{domain}/{entity}", title="Contrato de dados", mime_type=YAML)
    def contract(domain: str, entity: str) -> str:
        """O contrato de uma fonte (Open Data Contract Standard)."""
        may_read()
        return _told(lambda: _contract(domain, entity))

    @server.resource("eco://reports/{agent}/{day}", title="Relatório do dia", mime_type=MARKDOWN)
    def report(agent: str, day: str) -> str:
        """O relatório diário de um agente."""
        may_read()
        return _told(lambda: _report(service.settings.knowledge, agent, day))

    @server.resource("eco://decisions/{decision_id}", title="Decisão", mime_type=JSON)
    def decision(decision_id: str) -> str:
        """O registro completo de uma decisão."""
        may_read()
        return _told(lambda: json.dumps(service.platform.ledger.get("decision", decision_id), ensure_ascii=False))


def add_prompts(server: EcoServer) -> None:
    """Register the prompts."""

    @server.prompt(title="Explicar uma decisão")
    def explicar_decisao(decision_id: str) -> list[Message]:
        """Explica uma decisão a quem é do negócio, com os números que a causaram."""
        return [
            UserMessage(
                f"Use a ferramenta explain com a decisão {decision_id}. Explique em até dez frases, para quem é do negócio: o que foi "
                "decidido, quais números pesaram, que alternativas havia e por que perderam, e o que falta (aprovação, execução). "
                "Cite valores em reais. Não invente nada que não esteja na resposta da ferramenta."
            )
        ]

    @server.prompt(title="Revisar aprovações")
    def revisar_aprovacoes(agente: str) -> list[Message]:
        """Prepara a revisão das decisões que esperam uma pessoa."""
        return [
            UserMessage(
                f"Use list_approvals para o agente {agente}. Para cada decisão, diga em uma linha: sujeito, ação, custo, valor esperado e "
                "o risco de aprovar. Ordene pelo custo. Não responda a nenhuma aprovação sem que eu peça."
            )
        ]

    @server.prompt(title="Situação do dia")
    def situacao_do_dia(agente: str, dia: str) -> list[Message]:
        """Resume o dia de um agente."""
        return [
            UserMessage(
                f"Leia o recurso eco://reports/{agente}/{dia} e use list_assets com o prefixo decisions/{agente}. Resuma em cinco pontos o "
                "que mudou, o que espera decisão de uma pessoa e que dado está atrasado. Números como estão no relatório."
            )
        ]


def search(
    settings: Settings, text: str, limit: int, agent: str | None, kind: str | None, since: str | None, until: str | None
) -> list[dict[str, Any]]:
    """Pages of the knowledge folder, see `notion_sync.search`. Raises `RequestRefused`."""
    from notion_sync.search import Filters
    from notion_sync.search import search as find

    first, last = (date.fromisoformat(day_of(day)) if day else None for day in (since, until))
    return [asdict(hit) for hit in find(settings, text, Filters(agent, kind, first, last), limit=limit)]


def day_of(text: str) -> str:
    """A day, ISO. Raises `RequestRefused`."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise RequestRefused(f"{text!r} is no day; write it as 2026-10-31") from error


def plain(value: Any) -> Any:
    """As JSON can hold it: days and paths become text."""
    return json.loads(json.dumps(value, default=str))


def _told(call: Any) -> str:
    try:
        return str(call())
    except EcoError as error:
        raise ResourceError(str(error)) from error


def _contract(domain: str, entity: str) -> str:
    from eco_assets.contracts.contract import SOURCES

    path = SOURCES / domain / f"{entity}.odcs.yaml"
    if not path.resolve().is_relative_to(SOURCES.resolve()) or not path.is_file():
        known = sorted(f"{file.parent.name}/{file.name.split('.')[0]}" for file in SOURCES.rglob("*.yaml"))
        raise NotFound(f"no contract {domain}/{entity}; the known ones are {', '.join(known)}")
    return path.read_text(encoding="utf-8")


def _report(folder: Path, agent: str, day: str) -> str:
    from eco_assets.settings import AGENTS
    from notion_sync.reports import report_path

    if agent not in AGENTS:
        raise NotFound(f"no agent {agent!r}; the known ones are {', '.join(AGENTS)}")
    page = folder / report_path(agent, date.fromisoformat(day_of(day)))
    if not page.is_file():
        raise NotFound(f"no report of {agent} for {day}: `eco run --agent {agent} --date {day}` writes it")
    return page.read_text(encoding="utf-8")
