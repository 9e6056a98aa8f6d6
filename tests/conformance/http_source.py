"""A shop on loopback that a test may alter: pages, a token, changes since a moment, storms of 429 and 5xx.

`GET /items?page=1&per_page=20&updated_since=2026-01-01T00:00:00Z` with `Authorization: Bearer TOKEN` gives
`{"items": [...], "page": 1, "next_page": 2 or null, "total_pages": n}`, ordered by change, then id; `updated_since` is inclusive,
`updated_before` exclusive. `GET /health` needs the token too. `requests` keeps what was asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers import HttpServer

from conformance.subject import SECRET, Row, moment


class HttpSource(HttpServer):
    """The shop. A context manager: `with HttpSource() as source: source.url`."""

    def __init__(self, token: str = SECRET) -> None:
        self.token = token
        self.rows: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self._storm: tuple[int, int, float | None] = (0, 0, None)
        self._lock = threading.Lock()
        super().__init__(_handler(self))

    def write(self, rows: Sequence[Row]) -> None:
        """Insert or overwrite by id."""
        with self._lock:
            for row in rows:
                self.rows[row["id"]] = {**row, "updated_at": row["updated_at"].strftime("%Y-%m-%dT%H:%M:%SZ")}

    def delete(self, ids: Sequence[int]) -> None:
        """Forget rows; nothing in the shop tells that they were there."""
        with self._lock:
            for number in ids:
                del self.rows[number]

    def storm(self, status: int, times: int, retry_after_s: float | None = None) -> None:
        """Answer the next `times` requests with `status`."""
        with self._lock:
            self._storm = (status, times, retry_after_s)

    @property
    def storm_left(self) -> int:
        """How many requests the storm still has for."""
        return self._storm[1]

    def answer(self, target: str, authorization: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body for one request."""
        with self._lock:
            self.requests.append(target)
            status, times, retry_after_s = self._storm
            if times:
                self._storm = (status, times - 1, retry_after_s)
                return status, {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}, {"error": "storm"}
            if authorization != f"Bearer {self.token}":
                return 401, {}, {"error": "not let in"}
            found = urlsplit(target)
            return self.at(found.path, {name: values[0] for name, values in parse_qs(found.query).items()})

    def at(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """What a path answers to somebody who was let in; override it for another shape."""
        if path == "/health":
            return 200, {}, {"is_well": True}
        return (200, {}, self._page(query)) if path == "/items" else (404, {}, {"error": "nothing here"})

    def changed(self, since: datetime | None, before: datetime | None) -> list[dict[str, Any]]:
        """Rows in the order of their changes, from `since` on and before `before`."""
        return sorted((row for row in self.rows.values() if _between(row, since, before)), key=lambda row: (row["updated_at"], row["id"]))

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        chosen = self.changed(*(moment(query[name]) if query.get(name) else None for name in ("updated_since", "updated_before")))
        size, page = int(query.get("per_page", 20)), int(query.get("page", 1))
        pages = max(1, -(-len(chosen) // size))
        return {
            "items": chosen[(page - 1) * size : page * size],
            "page": page,
            "next_page": page + 1 if page < pages else None,
            "total_pages": pages,
        }


def _between(row: dict[str, Any], since: datetime | None, before: datetime | None) -> bool:
    changed = moment(row["updated_at"])
    return (since is None or changed >= since) and (before is None or changed < before)


def _handler(source: HttpSource) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = source.answer(self.path, self.headers.get("Authorization", ""))
            sent = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    return Handler
