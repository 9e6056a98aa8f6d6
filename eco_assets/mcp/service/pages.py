"""What the tools' server lets a client read: policies, contracts, reports, decisions; and prompts, in Portuguese.

`search` is an exact search over the folder of pages: every word must stand in the page. Full-text search comes with the knowledge base.
"""

from __future__ import annotations

import json
import unicodedata
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.prompts.base import Message, UserMessage

from eco_assets.errors import EcoError, NotFound, RequestRefused

if TYPE_CHECKING:
    from eco_assets.mcp.service.state import Service
    from eco_assets.mcp.service.tools import EcoServer

SNIPPET = 240  # characters around the first word found
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


def search(folder: Path, text: str, limit: int) -> list[dict[str, Any]]:
    """Pages that hold every word of `text`, the ones that hold them most often first, with a snippet.

    Raises:
        RequestRefused: there is no word to look for.
    """
    words = _plain(text).split()
    if not words:
        raise RequestRefused("say at least one word to look for")
    found: list[tuple[int, str, dict[str, Any]]] = []
    for page in sorted(folder.rglob("*.md")) if folder.is_dir() else []:
        raw = page.read_text(encoding="utf-8", errors="replace")
        content = _plain(raw)
        counts = [content.count(word) for word in words]
        if all(counts):
            at = max(0, content.find(words[0]) - SNIPPET // 2)
            path = page.relative_to(folder).as_posix()
            title = next((line.lstrip("# ").strip() for line in raw.splitlines() if line.startswith("#")), page.stem)
            snippet = " ".join(raw[at : at + SNIPPET].split())
            found.append((-sum(counts), path, {"path": path, "title": title, "hits": sum(counts), "snippet": snippet}))
    return [one for _, _, one in sorted(found, key=lambda item: item[:2])[: max(1, min(limit, 100))]]


def day_of(text: str) -> str:
    """A day, ISO. Raises `RequestRefused`."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise RequestRefused(f"{text!r} is no day; write it as 2026-10-31") from error


def plain(value: Any) -> Any:
    """As JSON can hold it: days and paths become text."""
    return json.loads(json.dumps(value, default=str))


def _plain(text: str) -> str:
    """Lower case without accents, one character for one where the alphabet allows it."""
    return "".join(unicodedata.normalize("NFD", letter)[0] for letter in text.lower())


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
