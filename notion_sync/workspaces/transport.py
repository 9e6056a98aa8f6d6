"""Requests to Notion: `notion-client` as transport, our own budget, and each failure told as what it means for a write.

429 and 529 wait and go again; 409 and 5xx of a read go again; 5xx or a broken connection of a write is `Unsure`: it may be committed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from eco_assets.errors import PermanentError, TransientError
from notion_sync.workspaces.limiter import Limiter
from notion_sync.workspaces.protocol import Unsure

VERSION = "2026-03-11"
RETRIES = 6
CHANGED_MEANWHILE = (400, 403, 404)
"""What Notion answers when a column, a block or the access to a page was taken away after the page was read: looking again tells."""
_BLOCKED = "public_api_request_blocked"


class NotionRefused(PermanentError):
    """Notion refuses a request for good. `status` and `code` are its own; `path`: what was asked for."""

    def __init__(self, status: int, code: str, message: str, path: str = "") -> None:
        super().__init__(f"Notion refuses ({status} {code}): {message}")
        self.status, self.code, self.path = status, code, path


class Transport:
    """Asks Notion.

    Args:
        token: the integration's secret. url: where Notion is. limiter: the shared budget. pause_s: before a failed read goes again.
    """

    def __init__(self, token: str, url: str, limiter: Limiter, pause_s: float = 0.5) -> None:
        self._token, self._url, self._limiter, self._pause_s = token, url, limiter, pause_s
        self.calls = 0
        self.now: datetime | None = None
        """What Notion's clock said with its last answer."""

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, query: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request until it is answered.

        Raises:
            NotionRefused: for good. Unsure: a write that may be committed. TransientError: not answered.
        """
        is_read = method in ("GET", "DELETE") or path.endswith("/query")
        for attempt in range(RETRIES):
            self._limiter.take()
            self.calls += 1
            again = self._once(method, path, body, query, is_read=is_read, is_last=attempt == RETRIES - 1)
            if again is not None:
                return again
        raise TransientError(f"Notion does not answer {method} {path}")

    def listed(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """Every result of a paginated list."""
        cursor: str | None = None
        while True:
            paging = {"page_size": 100, **({"start_cursor": cursor} if cursor else {})}
            try:
                found = self.ask(method, path, {**(body or {}), **paging}) if method == "POST" else self.ask(
                    method, path, query={**query, **paging}
                )  # fmt: skip
            except NotionRefused as error:
                if cursor and error.code == "validation_error":
                    raise TransientError(f"Notion no longer knows where the list of {path} went on: it is read again later") from error
                raise
            yield from found["results"]
            cursor = found.get("next_cursor")
            if not found.get("has_more") or not cursor:
                return

    def _once(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, Any] | None, *, is_read: bool, is_last: bool
    ) -> dict[str, Any] | None:
        """One request; None: it goes again."""
        import httpx
        from notion_client.errors import HTTPResponseError, RequestTimeoutError

        try:
            return dict(self._client.request(path, method, query=query, body=body))
        except HTTPResponseError as error:
            self._judge(error, method, path, is_read=is_read, is_last=is_last)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if is_last:
                raise TransientError(f"Notion does not answer: {error}") from error
            time.sleep(self._pause_s)
        except (httpx.TransportError, RequestTimeoutError, ValueError) as error:
            if not is_read:
                raise Unsure(f"no whole answer to {method} {path}: {type(error).__name__}") from error
            time.sleep(self._pause_s)
        return None

    def _judge(self, error: Any, method: str, path: str, *, is_read: bool, is_last: bool) -> None:
        """Raise what a refusal means, or wait before the request goes again."""
        status, data = int(error.status), getattr(error, "additional_data", None) or {}
        code = getattr(error, "code", "") or ""
        code = str(getattr(code, "value", code))
        if status in (429, 529):
            if data.get("rate_limit_reason") == _BLOCKED:
                self._limiter.block()
            told = error.headers.get("Retry-After") if error.headers else None
            self._limiter.pause(float(told) if told and str(told).replace(".", "", 1).isdigit() else self._pause_s)
        elif status == 409:
            raise Unsure(f"Notion was busy with {path}: read it again") from error
        elif status >= 500:
            if not is_read:
                raise Unsure(f"Notion answered {status} to {method} {path}: it may be done") from error
            time.sleep(self._pause_s)
        else:
            raise NotionRefused(status, code, str(error), path) from error
        if is_last:
            raise TransientError(f"Notion answers {status} to {method} {path}") from error

    def send(self, path: str, name: str, content: bytes) -> None:
        """Send a file; a repeated one replaces the first."""
        self._limiter.take()
        self.calls += 1
        self._client.request(path, "POST", form_data={"file": (name, content, "image/png")})

    @cached_property
    def _client(self) -> Any:
        from httpx import Client as Http
        from notion_client import Client

        http = Http(event_hooks={"response": [self.hear]})
        return Client(auth=self._token, base_url=self._url, notion_version=VERSION, retry=False, log_level=logging.CRITICAL, client=http)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if "_client" in self.__dict__:
            self._client.close()
            del self._client

    def hear(self, response: Any) -> None:
        """Take the time from an answer's header."""
        with suppress(TypeError, ValueError):
            self.now = parsedate_to_datetime(response.headers.get("Date")).astimezone(UTC)
