"""The emulator's HTTP face: a real server on loopback that `notion-client` cannot tell from the API."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from notion_sync.documents.notion_limits import MOST_BYTES
from notion_sync.testing.faults import Fault, FaultPlan
from notion_sync.testing.handlers import Handlers
from notion_sync.testing.people import Person
from notion_sync.testing.routes import Route, checked_ids, find_route
from notion_sync.testing.store import Store
from notion_sync.testing.wire import VERSIONS, ApiError, Json, MinuteClock

TOKEN = "ntn_emulator"  # noqa: S105 - not a secret: the emulator takes no other
_TRASHABLE = ("page", "block", "database", "data_source", "file_upload")


@dataclass(frozen=True)
class Call:
    """One request as it came in, and the status it got (0: the connection was dropped)."""

    method: str
    path: str
    body: Json
    status: int


class _Dropped(Exception):
    """The connection is to be cut."""


@dataclass
class NotionEmulator:
    """A workspace behind HTTP. Use as a context manager.

    Attributes:
        clock: time of the server; it stands still until a test moves it.
        faults: what is to go wrong.
        store: the state, for assertions.
        calls: every request so far.
        before_call: called before each request is handled, outside the lock: the place where people edit between two calls.
    """

    clock: MinuteClock = field(default_factory=MinuteClock)
    seed: int = 0
    before_call: Callable[[str, str], None] | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.clock, self.seed)
        self.lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> NotionEmulator:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        """The base URL for `notion_client.Client(base_url=...)`."""
        if self._server is None:
            raise RuntimeError("the emulator is not running: use `with NotionEmulator() as emulator`")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def person(self, name: str) -> Person:
        """Return somebody who edits in the workspace, a member from now on."""
        with self.lock:
            return Person(self.store, self.lock, name)

    def root_page(self, title: str = "Eco") -> str:
        """Create a page at the top of the workspace and return its id."""
        said = {"parent": {"workspace": True}, "properties": {"title": [{"text": {"content": title}}]}}
        with self.lock:
            return str(Handlers(self.store).create_page(said)["id"])

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> tuple[int, Json, dict[str, str], bool]:
        """Return status, body, headers of an answer, and whether it is to break off; headers are in lower case."""
        path = urlsplit(target).path
        if self.before_call is not None:
            self.before_call(method, path)
        fault = self.faults.take(method, path)
        with self.lock:
            body: Json = {}
            try:
                body = _read(target, headers, raw)
                result = self._perform(method, path, headers, body, raw, fault)
                status: int = 200
                extra: dict[str, str] = {}
            except ApiError as error:
                result, status, extra = error.body(), error.status, error.headers
            except _Dropped:
                self.calls.append(Call(method, path, body, 0))
                raise
            self.calls.append(Call(method, path, body, status))
            return status, result, extra, fault is not None and fault.is_truncated

    def _perform(self, method: str, path: str, headers: dict[str, str], body: Json, raw: bytes, fault: Fault | None) -> Json:
        if fault is not None and fault.moment == "before" and not fault.is_truncated:
            raise fault.error() if fault.status else _Dropped
        version = _check_headers(headers)
        found = find_route(method, path)
        if found is None:
            raise ApiError(400, "invalid_request_url", "Invalid request URL.")
        route, parts = found
        api = Handlers(self.store, version=version)
        api.kept = fault.kept if fault is not None and fault.moment == "partial" else None
        result = route.run(api, checked_ids(route, parts), body, _uploaded(headers, raw))
        if fault is not None and not fault.is_truncated:
            raise fault.error(_committed(route, parts, result)) if fault.status else _Dropped
        return {**_versioned(result, version), "request_id": str(uuid4())}


def _committed(route: Route, parts: list[str], result: Json) -> list[str]:
    """Return the ids that a 503 after the effect tells: the resource, then the children in order."""
    if route.name == "PATCH /v1/blocks/{id}/children":
        return [parts[0], *(entry["id"] for entry in result["results"])]
    return [result["id"]] if "id" in result else []


def _check_headers(headers: dict[str, str]) -> str:
    if not headers.get("authorization", "").startswith("Bearer ") or headers["authorization"] != f"Bearer {TOKEN}":
        raise ApiError(401, "unauthorized", "API token is invalid.")
    version = headers.get("notion-version")
    if version is None:
        raise ApiError(
            400,
            "missing_version",
            "Notion-Version header failed validation: Notion-Version header should be defined, instead was `undefined`.",
        )
    if version not in VERSIONS:
        raise ApiError(400, "validation_error", f'Notion-Version header failed validation: instead was `"{version}"`.')
    return version


def _read(target: str, headers: dict[str, str], raw: bytes) -> Json:
    if headers.get("content-type", "").startswith("multipart/"):
        return {}
    if len(raw) > MOST_BYTES:
        raise ApiError(413, "payload_too_large", f"Request body is too large: {len(raw)} bytes; the limit is {MOST_BYTES}.")
    body: Json = dict(parse_qsl(urlsplit(target).query))
    if raw.strip():
        try:
            said = json.loads(raw)
        except ValueError as error:
            raise ApiError(400, "invalid_json", "Error parsing JSON body.") from error
        if not isinstance(said, dict):
            raise ApiError(400, "invalid_json", "Error parsing JSON body.")
        body.update(said)
    return body


def _uploaded(headers: dict[str, str], raw: bytes) -> bytes:
    """Return the file of a multipart body."""
    kind = headers.get("content-type", "")
    if not kind.startswith("multipart/"):
        return raw
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    parts = [part for part in raw.split(b"--" + boundary) if b"filename=" in part]
    return parts[0].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") if parts else b""


def _versioned(value: Any, version: str) -> Any:
    """Return an answer as an older version gives it: what is in the trash was called archived."""
    if version >= "2026-03-11":
        return value
    if isinstance(value, list):
        return [_versioned(entry, version) for entry in value]
    if not isinstance(value, dict):
        return value
    shown = {name: _versioned(entry, version) if name == "results" else entry for name, entry in value.items()}
    return {**shown, "archived": shown["in_trash"]} if shown.get("object") in _TRASHABLE and "in_trash" in shown else shown


def _handler(emulator: NotionEmulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                status, body, extra, is_truncated = emulator.answer(self.command, self.path, headers, raw)
            except _Dropped:
                self._cut()
                return
            payload = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
            lines = [f"HTTP/1.1 {status} Status", "Content-Type: application/json; charset=utf-8", f"Content-Length: {len(payload)}"]
            lines.append(f"Date: {format_datetime(emulator.clock.now, usegmt=True)}")
            lines += [f"{name}: {value}" for name, value in extra.items()]
            head = ("\r\n".join(lines) + "\r\n\r\n").encode()
            self.wfile.write(head + (payload[: len(payload) // 2] if is_truncated else payload))
            if is_truncated:
                self._cut()

        def _cut(self) -> None:
            """Drop the connection so that the client sees a reset, not an end."""
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self.close_connection = True
            self.connection.close()

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks up

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: `calls` records every request."""

    return Handler
