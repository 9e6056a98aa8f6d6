"""Assembles the service as one ASGI application: FastAPI routes and documents, the hot path goes past it, `/mcp` is the tools' server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from eco_assets.mcp.service.api import OPERATIONS, VERSION, page
from eco_assets.mcp.service.keys import SCOPES
from eco_assets.mcp.service.operation import Doorman, Operation, Reply
from eco_assets.mcp.service.problems import MEDIA_TYPE, Problem
from eco_assets.mcp.service.state import Service

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

Message = MutableMapping[str, Any]
TOOLS = "/mcp"
PROTECTED = f"/.well-known/oauth-protected-resource{TOOLS}"
_HOT = {(operation.method, operation.path): operation for operation in OPERATIONS if operation.name == "decide"}


class Front:
    """The outermost application. A decision is answered here, without a router: that is half of its time."""

    def __init__(self, inner: FastAPI, doorman: Doorman) -> None:
        self._inner, self._doorman = inner, doorman

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        path = scope["path"]
        operation = _HOT.get((scope["method"], path))
        if operation is not None:
            reply = await self._doorman.answer(operation, scope, receive, {})
        elif path == TOOLS or path.startswith(f"{TOOLS}/"):
            refused = self._doorman.let_in_tools(scope)
            if refused is None:
                await self._inner(scope, receive, send)
                return
            reply = refused
        else:
            await self._inner(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
        await send({"type": "http.response.body", "body": reply.body})


def build(service: Service, *, tools: Any | None = None, host: str = "127.0.0.1") -> Front:
    """The application of one worker.

    Args:
        service: its parts; started and stopped with the application.
        tools: the Model Context Protocol server to mount at `/mcp`.
        host: that is listened on; a loopback one answers to loopback names only (DNS rebinding).
    """
    from fastapi import FastAPI

    doorman = Doorman(service)
    mounted = None if tools is None else tools.streamable_http_app(stateless_http=True, host=host)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            if tools is None:
                yield
            else:
                async with tools.session_manager.run():
                    yield
        finally:
            await service.stop()

    app = FastAPI(title="Eco decisions", version=VERSION, lifespan=lifespan, docs_url="/docs", redoc_url=None)
    for operation in OPERATIONS:
        app.add_api_route(
            operation.path, _endpoint(operation, doorman), methods=[operation.method], response_model=None, name=operation.name
        )
    if mounted is not None:
        app.router.routes.extend(mounted.routes)
        app.add_api_route(PROTECTED, _protected(), methods=["GET"], response_model=None)
    base = {"openapi": "3.1.0", "info": {"title": app.title, "version": VERSION, "description": _WORDS}}
    app.openapi = lambda: page(base)  # type: ignore[method-assign]
    _tell_errors(app)
    return Front(app, doorman)


_WORDS = "Decisions on served features and champion models, by versioned policies; every answer is in the ledger before it is given."


def _endpoint(operation: Operation, doorman: Doorman) -> Callable[[Request], Awaitable[Response]]:
    from starlette.requests import Request
    from starlette.responses import Response

    async def endpoint(request: Request) -> Response:
        reply = await doorman.answer(operation, request.scope, request.receive, request.path_params)
        return Response(reply.body, reply.status, reply.headers, reply.media_type)

    endpoint.__annotations__ = {"request": Request, "return": Response}  # FastAPI reads them; the module's own are text
    return endpoint


def _protected() -> Callable[[Request], Awaitable[Response]]:
    """What a client of the tools reads to learn how to come in (RFC 9728)."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response

    async def endpoint(request: Request) -> Response:
        place = f"{request.url.scheme}://{request.url.netloc}{TOOLS}"
        told = {"resource": place, "resource_name": "Eco", "bearer_methods_supported": ["header"], "scopes_supported": [*SCOPES]}
        return JSONResponse(told)

    endpoint.__annotations__ = {"request": Request, "return": Response}
    return endpoint


def _tell_errors(app: FastAPI) -> None:
    """Unknown paths and methods are problems too."""
    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    async def told(request: Any, error: Any) -> Response:
        code, title = {404: ("not-found", "No such path"), 405: ("method", "No such method here")}.get(
            error.status_code, ("http", "Refused")
        )
        problem = Problem(error.status_code, code, title, f"{request.method} {request.url.path}: see /docs for what there is")
        return Response(problem.body("about:blank"), error.status_code, error.headers, MEDIA_TYPE)

    app.add_exception_handler(HTTPException, told)


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    found = [(b"content-type", reply.media_type.encode()), (b"content-length", str(len(reply.body)).encode())]
    return [*found, *((name.lower().encode(), value.encode()) for name, value in reply.headers.items())]
