"""The Model Context Protocol server: tools, resources and prompts over one worker's `Service`. Text for readers is Portuguese.

Who calls is in `CALLER`, set by the door; every tool asks for the scope that the same HTTP operation needs.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, GetPromptResult, InputRequiredResult, ToolAnnotations
from pydantic import BaseModel, Field

from eco_assets.errors import EcoError, NotFound
from eco_assets.mcp.decider import Ask, Caller
from eco_assets.mcp.service import handlers, pages
from eco_assets.mcp.service.assets import as_dicts
from eco_assets.mcp.service.keys import ANYBODY, ApiKey

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from eco_assets.mcp.service.state import Service

CALLER: contextvars.ContextVar[ApiKey] = contextvars.ContextVar("caller", default=ANYBODY)
READ = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
WRITE = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
LAUNCH = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
Value = float | str | bool | None


class Decided(BaseModel):
    """A decision, in short. `eco://decisions/{id}` has the whole record."""

    decision_id: str
    agent: str
    point: str
    subject: str
    as_of: str
    action: str
    workflow: str | None
    reason: str
    value_brl: float
    cost_brl: float
    confidence: float
    requires_approval: bool
    guardrails: list[str]
    policy: str
    is_new: bool = Field(description="false where this was decided before")


class Listing(BaseModel):
    """Several things."""

    items: list[dict[str, Any]]


class Explained(BaseModel):
    """From a decision back to its raw rows and on to its pages."""

    chain: dict[str, Any]


class Asked(BaseModel):
    """What became of a request to materialize."""

    is_started: bool
    run_id: str | None = None
    command: str | None = Field(default=None, description="what a person runs, where nothing was started")
    written_to: str | None = None
    assets: list[str]
    day: str


class Approved(BaseModel):
    """A recorded answer."""

    decision_id: str
    verdict: str
    by: str
    why: str
    content_hash: str


class EcoServer(MCPServer[Any]):
    """Tells a client that a prompt is unknown or lacks an argument, instead of an internal error."""

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """See `MCPServer`. Raises `MCPError` with -32602."""
        try:
            return await super().get_prompt(name, arguments, context)
        except ValueError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error


def tools_for(service: Service) -> EcoServer:
    """The server of one worker, with everything registered."""
    server = EcoServer(
        "eco",
        title="Eco decisões",
        version="1.0.0",
        instructions="Decisões auditadas sobre dados do negócio. Leia as políticas em eco://policies antes de decidir; "
        "decidir grava no registro e pode iniciar um fluxo de trabalho, se não precisar de aprovação.",
        log_level="WARNING",
    )
    _deciding(server, service)
    _knowing(server, service)
    _approving(server, service)
    pages.add_resources(server, service)
    pages.add_prompts(server)
    return server


def run_stdio(service: Service) -> None:
    """Serve on standard input and output until the client ends it."""

    async def run() -> None:
        await service.start()
        try:
            await tools_for(service).run_stdio_async()
        finally:
            await service.stop()

    asyncio.run(run())


def allowed(scope: str) -> ApiKey:
    """The caller, who must have a scope."""
    key = CALLER.get()
    if scope not in key.scopes:
        raise ToolError(f"the key lacks the scope {scope}; make one with `eco keys new NAME --scope {scope}`")
    return key


def _deciding(server: EcoServer, service: Service) -> None:
    @server.tool(title="Decidir", annotations=WRITE, structured_output=True)
    async def decide(point: str, subject: str, features: dict[str, Value] | None = None) -> Decided:
        """Decide sobre um sujeito (lead, categoria, máquina, público) com a política em vigor e grava a decisão.

        Args:
            point: agente/ponto, como comercial/lead_next_action.
            subject: identificador do sujeito.
            features: valores que completam ou substituem os que o sistema tem.
        """
        key = allowed("decide")
        try:
            (result,) = await service.decider.results([Ask(point, subject, features or {})], Caller("mcp", key.id))
            if isinstance(result, EcoError):
                raise result
        except EcoError as error:
            raise ToolError(str(error)) from error
        record = result.record()
        policy = f"{record['policy']['name']} {record['policy']['version']}"
        return Decided.model_validate({**record, "policy": policy, "is_new": result.is_new})

    @server.tool(title="Explicar uma decisão", annotations=READ, structured_output=True)
    async def explain(decision_id: str) -> Explained:
        """Percorre a decisão até as linhas de dados que a causaram e até o que foi feito dela."""
        from eco_assets.provenance import explain as walk

        allowed("read")
        return Explained(chain=pages.plain(await _slowly(service, walk, service.platform, decision_id)))


def _knowing(server: EcoServer, service: Service) -> None:
    @server.tool(title="Procurar no conhecimento", annotations=READ, structured_output=True)
    async def search_knowledge(
        text: str, limit: int = 10, agent: str | None = None, kind: str | None = None, since: str | None = None, until: str | None = None
    ) -> Listing:
        """Procura nas páginas (relatórios, decisões, catálogo, modelos, planos), em qualquer flexão das palavras; as melhores primeiro.

        Args:
            text: palavras, "uma frase", o começo de uma palavra (campan*), -palavra que não deve aparecer.
            limit: no máximo tantas páginas, até 100.
            agent: só páginas deste agente.
            kind: só páginas deste tipo, ou cujo tipo começa assim (relatorio, registro, cartao, conjunto).
            since: primeiro dia (AAAA-MM-DD).
            until: último dia (AAAA-MM-DD).
        """
        allowed("read")
        return Listing(items=await _slowly(service, pages.search, service.settings, text, limit, agent, kind, since, until))

    @server.tool(title="Listar ativos", annotations=READ, structured_output=True)
    async def list_assets(prefix: str = "") -> Listing:
        """Lista os ativos do grafo (decisions/..., marts/..., models/...) com a última materialização e a idade em horas."""
        allowed("read")
        return Listing(items=as_dicts(await _slowly(service, _assets(service).list, prefix)))

    @server.tool(title="Pedir materialização", annotations=LAUNCH, structured_output=True)
    async def ask_to_materialize(assets: list[str], day: str) -> Asked:
        """Pede a materialização de ativos para um dia (AAAA-MM-DD): inicia pelo Dagster configurado, ou registra o pedido com o comando."""
        key = allowed("materialize")
        return Asked.model_validate(await _slowly(service, _assets(service).materialize, assets, pages.day_of(day), key.name))


def _approving(server: EcoServer, service: Service) -> None:
    @server.tool(title="Listar aprovações", annotations=READ, structured_output=True)
    async def list_approvals(agent: str | None = None, as_of: str | None = None) -> Listing:
        """Lista as decisões que esperam uma pessoa, dos dias servidos ou de um dia (AAAA-MM-DD)."""
        allowed("read")
        return Listing(items=pages.plain(await _slowly(service, handlers.waiting, service, agent, as_of)))

    @server.tool(title="Responder a uma aprovação", annotations=WRITE, structured_output=True)
    async def answer_approval(decision_id: str, verdict: str, content_hash: str, why: str = "", by: str = "") -> Approved:
        """Grava a resposta de uma pessoa. Não se desfaz. Só vale para o conteúdo que a pessoa viu.

        Args:
            decision_id: a decisão que espera.
            verdict: approved ou rejected.
            content_hash: o da proposta que a pessoa viu, como em list_approvals.
            why: o motivo, para o registro.
            by: a pessoa que responde; o nome da chave por padrão.
        """
        key = allowed("approve")
        given = handlers.Given(verdict, by or key.name, content_hash, "mcp", why, key.name)
        return Approved.model_validate(await _slowly(service, handlers.answer_approval, service, decision_id, given))


def _assets(service: Service) -> Any:
    if service.assets is None:
        raise NotFound("this server has no access to Dagster's assets")
    return service.assets


async def _slowly(service: Service, call: Any, *arguments: Any) -> Any:
    try:
        return await service.slowly(call, *arguments)
    except EcoError as error:
        raise ToolError(str(error)) from error
