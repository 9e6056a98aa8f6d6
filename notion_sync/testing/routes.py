"""Paths of the API and the operation behind each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from notion_sync.testing.handlers import Handlers
from notion_sync.testing.wire import Json, identifier

Run = Callable[[Handlers, list[str], Json, bytes], Json]


class Route(NamedTuple):
    """One operation: its name is `METHOD /path/{id}`."""

    method: str
    template: str
    ids: str
    run: Run

    @property
    def name(self) -> str:
        """How baselines and faults call the operation."""
        return f"{self.method} {self.template}"


_ROUTES = [
    Route("GET", "/v1/users/me", "", lambda api, ids, body, raw: api.me()),
    Route("GET", "/v1/users", "", lambda api, ids, body, raw: api.users(body)),
    Route("GET", "/v1/users/{id}", "user_id", lambda api, ids, body, raw: api.user(ids[0])),
    Route("POST", "/v1/pages", "", lambda api, ids, body, raw: api.create_page(body)),
    Route("GET", "/v1/pages/{id}", "page_id", lambda api, ids, body, raw: api.page(ids[0])),
    Route("PATCH", "/v1/pages/{id}", "page_id", lambda api, ids, body, raw: api.update_page(ids[0], body)),
    Route("GET", "/v1/pages/{id}/markdown", "page_id", lambda api, ids, body, raw: api.page_markdown(ids[0])),
    Route("PATCH", "/v1/pages/{id}/markdown", "page_id", lambda api, ids, body, raw: api.update_markdown(ids[0], body)),
    Route("GET", "/v1/pages/{id}/properties/{key}", "page_id", lambda api, ids, body, raw: api.page_property(ids[0], ids[1], body)),
    Route("GET", "/v1/blocks/{id}", "block_id", lambda api, ids, body, raw: api.block(ids[0])),
    Route("PATCH", "/v1/blocks/{id}", "block_id", lambda api, ids, body, raw: api.update_block(ids[0], body)),
    Route("DELETE", "/v1/blocks/{id}", "block_id", lambda api, ids, body, raw: api.delete_block(ids[0])),
    Route("GET", "/v1/blocks/{id}/children", "block_id", lambda api, ids, body, raw: api.children(ids[0], body)),
    Route("PATCH", "/v1/blocks/{id}/children", "block_id", lambda api, ids, body, raw: api.append(ids[0], body)),
    Route("POST", "/v1/databases", "", lambda api, ids, body, raw: api.create_database(body)),
    Route("GET", "/v1/databases/{id}", "database_id", lambda api, ids, body, raw: api.database(ids[0])),
    Route("PATCH", "/v1/databases/{id}", "database_id", lambda api, ids, body, raw: api.update_database(ids[0], body)),
    Route("POST", "/v1/data_sources", "", lambda api, ids, body, raw: api.create_data_source(body)),
    Route("GET", "/v1/data_sources/{id}", "data_source_id", lambda api, ids, body, raw: api.data_source(ids[0])),
    Route("PATCH", "/v1/data_sources/{id}", "data_source_id", lambda api, ids, body, raw: api.update_data_source(ids[0], body)),
    Route("POST", "/v1/data_sources/{id}/query", "data_source_id", lambda api, ids, body, raw: api.query_data_source(ids[0], body)),
    Route("GET", "/v1/data_sources/{id}/templates", "data_source_id", lambda api, ids, body, raw: api.templates(ids[0])),
    Route("POST", "/v1/search", "", lambda api, ids, body, raw: api.search(body)),
    Route("GET", "/v1/comments", "", lambda api, ids, body, raw: api.comments(body)),
    Route("POST", "/v1/comments", "", lambda api, ids, body, raw: api.create_comment(body)),
    Route("GET", "/v1/comments/{id}", "comment_id", lambda api, ids, body, raw: api.comment(ids[0])),
    Route("PATCH", "/v1/comments/{id}", "comment_id", lambda api, ids, body, raw: api.update_comment(ids[0], body)),
    Route("DELETE", "/v1/comments/{id}", "comment_id", lambda api, ids, body, raw: api.delete_comment(ids[0])),
    Route("POST", "/v1/file_uploads", "", lambda api, ids, body, raw: api.create_upload(body)),
    Route("GET", "/v1/file_uploads", "", lambda api, ids, body, raw: api.uploads(body)),
    Route("GET", "/v1/file_uploads/{id}", "file_upload_id", lambda api, ids, body, raw: api.upload(ids[0])),
    Route("POST", "/v1/file_uploads/{id}/send", "file_upload_id", lambda api, ids, body, raw: api.send_upload(ids[0], raw)),
    Route("POST", "/v1/file_uploads/{id}/complete", "file_upload_id", lambda api, ids, body, raw: api.upload(ids[0])),
    Route("GET", "/v1/custom_emojis", "", lambda api, ids, body, raw: _no_emojis()),
]
_PATTERNS = [(re.compile(re.sub(r"\{\w+\}", "([^/]+)", route.template) + "/?"), route) for route in _ROUTES]


def find_route(method: str, path: str) -> tuple[Route, list[str]] | None:
    """Return the operation of a request, with what its path names; None if there is no such operation."""
    for pattern, route in _PATTERNS:
        found = pattern.fullmatch(path) if route.method == method else None
        if found:
            return route, list(found.groups())
    return None


def checked_ids(route: Route, parts: list[str]) -> list[str]:
    """Return the path's parts, the first as an id with dashes."""
    return [identifier(parts[0], f"path.{route.ids}"), *parts[1:]] if parts else []


def _no_emojis() -> Json:
    return {"object": "list", "results": [], "next_cursor": None, "has_more": False, "type": "custom_emoji"}
