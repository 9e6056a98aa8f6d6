"""One operation of the HTTP API: what it is called, who may call it, and what runs. Every request goes through `Doorman.answer`.

The order is: key, rate, size, body, handler. Whatever goes wrong becomes a problem (`problems.py`); nothing is logged with a key in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from eco_assets.errors import EcoError
from eco_assets.mcp.decider import Caller
from eco_assets.mcp.journal import RequestKey
from eco_assets.mcp.service.keys import ANYBODY, ApiKey
from eco_assets.mcp.service.problems import (
    MEDIA_TYPE,
    Problem,
    forbidden,
    internal,
    invalid,
    malformed,
    problem_of,
    too_large,
    too_often,
    unauthorized,
)

if TYPE_CHECKING:
    from eco_assets.mcp.service.state import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_LOG = logging.getLogger("eco.service")
_MAX_KEY = 200
JSON = "application/json"


@dataclass(slots=True)
class Reply:
    """An answer: its body as it is sent."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(slots=True)
class Call:
    """A request that was let in. `body` is decoded into the operation's request shape."""

    key: ApiKey
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    fingerprint: str
    instance: str

    def caller(self, source: str) -> Caller:
        """For the decision's record. A `traceparent` header goes on."""
        parent = self.headers.get(b"traceparent", b"").decode("latin-1").split("-")
        trace = parent[1] if len(parent) == 4 and len(parent[1]) == 32 and parent[1].isalnum() else self.instance
        return Caller(source, self.key.id, trace)

    def request_key(self) -> RequestKey | None:
        """The `Idempotency-Key`, told apart by who sends it."""
        given = self.headers.get(b"idempotency-key")
        if given is None:
            return None
        if re.fullmatch(rb"[!-~]{1,%d}" % _MAX_KEY, given) is None:
            raise invalid(f"an Idempotency-Key has 1 to {_MAX_KEY} visible ASCII characters")
        return RequestKey(hashlib.sha256(self.key.id.encode() + b"\x1f" + given).hexdigest()[:32], self.fingerprint)


Handler = Callable[["Service", Call], Awaitable[Reply]]


@dataclass(frozen=True)
class Operation:
    """One row of the API's table.

    Attributes:
        scope: of the key that is needed; none for what everybody may see.
        request: shape of the body, if it has one.
        answer: name of the answer's schema.
        example, sample: of a request and of an answer, for the OpenAPI page.
        statuses: what it may answer besides 200, 401, 403 and 429.
        is_raw: the handler gets the body as the bytes that came, because they are signed.
    """

    name: str
    method: str
    path: str
    summary: str
    handler: Handler
    scope: str | None = "read"
    request: type[msgspec.Struct] | None = None
    answer: str = "Object"
    example: Any = None
    sample: Any = None
    statuses: tuple[int, ...] = ()
    query: tuple[tuple[str, dict[str, Any], str], ...] = ()
    media_type: str = JSON
    has_request_key: bool = False
    is_raw: bool = False


class Doorman:
    """Lets requests in and answers them. One a worker."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self._drawn = random.Random(os.urandom(32)).getrandbits  # names of requests are no secrets: one system call a worker  # noqa: S311

    async def answer(self, operation: Operation, scope: Scope, receive: Receive, path: Mapping[str, str]) -> Reply:
        """The answer to a request for an operation; never raises but when the worker is told to stop."""
        started = time.perf_counter()
        instance = uuid.UUID(int=self._drawn(128), version=4).hex
        try:
            reply = await self._answered(operation, scope, receive, path, instance)
        except Problem as problem:
            reply = self._refused(operation, problem, instance)
        except EcoError as error:
            reply = self._refused(operation, problem_of(error), instance)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the door must answer; what is not ours is logged with its trace
            _LOG.error("%s %s failed", operation.name, instance, exc_info=error)
            reply = self._refused(operation, internal(), instance)
        metrics = self._service.metrics
        metrics.add(f'eco_http_requests_total{{operation="{operation.name}",status="{reply.status}"}}')
        metrics.observe("eco_http_request_seconds", f'operation="{operation.name}"', time.perf_counter() - started)
        return reply

    async def _answered(self, operation: Operation, scope: Scope, receive: Receive, path: Mapping[str, str], instance: str) -> Reply:
        headers = dict(scope["headers"])
        key = ANYBODY if operation.scope is None else self._let_in(operation.scope, headers)
        raw = await read_body(headers, receive, self._service.settings.serve_max_body_kb * 1024)
        body = self._decoded(operation, raw) if operation.request is not None else raw if operation.is_raw else None
        fingerprint = hashlib.sha256(operation.path.encode() + b"\x1f" + raw).hexdigest() if operation.has_request_key else ""
        query = _checked_query(operation, parsed_query(scope))
        return await operation.handler(self._service, Call(key, headers, path, query, body, fingerprint, instance))

    def _let_in(self, wanted: str, headers: Mapping[bytes, bytes]) -> ApiKey:
        service = self._service
        key = self.key_of(headers)
        if wanted not in key.scopes:
            raise forbidden(wanted)
        if key.per_minute and (wait := service.limits.take(key.id, key.per_minute)):
            service.metrics.add("eco_rate_limited_total")
            raise too_often(wait)
        return key

    def let_in_tools(self, scope: Scope) -> Reply | None:
        """For the tools' server: remembers who calls, or answers why they may not."""
        from eco_assets.mcp.service.tools import CALLER

        headers = dict(scope["headers"])
        try:
            key = self.key_of(headers)
            if key.per_minute and (wait := self._service.limits.take(key.id, key.per_minute)):
                self._service.metrics.add("eco_rate_limited_total")
                raise too_often(wait)
        except Problem as problem:
            if problem.status == 401:
                host = headers.get(b"host", b"").decode("latin-1")
                place = f"{scope.get('scheme', 'http')}://{host}/.well-known/oauth-protected-resource{scope['path'].rstrip('/')}"
                problem.headers["WWW-Authenticate"] = f'Bearer realm="eco", resource_metadata="{place}"'
            return Reply(problem.body("about:blank"), problem.status, problem.headers, MEDIA_TYPE)
        CALLER.set(key)
        return None

    def key_of(self, headers: Mapping[bytes, bytes]) -> ApiKey:
        """The caller's key; anybody's where none is configured, which loopback alone may listen with."""
        keys = self._service.keys
        given = headers.get(b"authorization", b"").decode("latin-1")
        if not keys.is_configured:
            return ANYBODY
        if not given.lower().startswith("bearer "):
            raise unauthorized("send `Authorization: Bearer KEY`; `eco keys new` makes a key")
        key = keys.find(given[7:].strip())
        if key is None:
            raise unauthorized("the key is unknown or was revoked; `eco keys list` shows the valid ones")
        return key

    def _decoded(self, operation: Operation, raw: bytes) -> Any:
        decoder = self._decoders.get(operation.name)
        if decoder is None:
            decoder = self._decoders[operation.name] = msgspec.json.Decoder(operation.request)
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise invalid(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed(str(error)) from error

    def _refused(self, operation: Operation, problem: Problem, instance: str) -> Reply:
        if operation.answer == "WireAnswer":  # OpenAI's clients look for this member
            problem.more = {"error": {"message": problem.detail, "type": problem.code, "code": problem.code, "param": None}}
        return Reply(problem.body(f"urn:uuid:{uuid.UUID(instance)}"), problem.status, problem.headers, MEDIA_TYPE)


def _checked_query(operation: Operation, query: dict[str, str]) -> dict[str, str]:
    """The parameters, which match what the page says about them."""
    for name, schema, _ in operation.query:
        pattern = schema.get("pattern")
        if pattern is not None and name in query and re.fullmatch(pattern, query[name]) is None:
            raise invalid(f"{name}={query[name]!r} does not match {pattern}")
    return query


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The whole body. Raises the problem 413 as soon as it is known to be too large."""
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise Problem(400, "malformed", "The body is not complete", "the connection ended before the body did")
        body += part
        if len(body) > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return body


def parsed_query(scope: Scope) -> dict[str, str]:
    """Query parameters; the last one of a name counts."""
    raw = scope.get("query_string", b"")
    if not raw:
        return {}
    from urllib.parse import parse_qsl

    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
