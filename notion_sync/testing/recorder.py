"""Records what `notion-client` and a server say to each other, in the form of the recordings that the replay gate plays.

Tokens, cookies and e-mail addresses never reach the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

_SECRET_HEADERS = ("authorization", "cookie", "set-cookie", "user-agent")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


@dataclass
class Recorder(httpx.BaseTransport):
    """A transport that keeps every interaction: `Client(client=httpx.Client(transport=Recorder()))`."""

    interactions: list[dict[str, Any]] = field(default_factory=list)
    inner: httpx.BaseTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on and keep it with its answer."""
        sent = request.read()
        response = self.inner.handle_request(request)
        content = response.read()
        headers = {name: ["secret..."] if name in _SECRET_HEADERS else [value] for name, value in request.headers.items()}
        is_binary = request.headers.get("content-type", "").startswith("multipart/")
        asked = {"method": request.method, "uri": str(request.url), "headers": headers, "body": "" if is_binary else sent.decode()}
        self.interactions.append({"request": asked, "response": {"status_code": response.status_code, "content": content.decode()}})
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()

    def save(self, file: Path) -> None:
        """Write the interactions as YAML; e-mail addresses become `person@example.com`."""
        file.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump({"interactions": self.interactions, "version": 1}, allow_unicode=True, width=10_000)
        file.write_text(_EMAIL.sub("person@example.com", text), "utf-8")
