"""What goes over the wire: errors as the API words them, identifiers, times, and checks of a request's shape."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from notion_sync.documents.notion_limits import utf16_length

Json = dict[str, Any]

VERSIONS = ("2025-09-03", "2026-03-11")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[1-8][0-9a-f]{3}-?[089ab][0-9a-f]{3}-?[0-9a-f]{12}")


@dataclass
class ApiError(Exception):
    """An answer that is an error."""

    status: int
    code: str
    message: str
    additional_data: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> Json:
        """Return the error as the API words it."""
        extra = {"additional_data": self.additional_data} if self.additional_data else {}
        return {"object": "error", "status": self.status, "code": self.code, "message": self.message, **extra, "request_id": str(uuid4())}


def invalid(message: str) -> ApiError:
    """Return a validation error."""
    return ApiError(400, "validation_error", message)


def refused(path: str, rule: str, value: object) -> ApiError:
    """Return the error of a body that breaks a rule: `body.children.length should be ≤ `100`, instead was `101`.`."""
    return invalid(f"body failed validation: {path} should be {rule}, instead was `{value}`.")


def not_found(kind: str, identity: str, integration_id: str) -> ApiError:
    """Return the error of what is not there, or not shared: the API does not tell them apart."""
    message = f"Could not find {kind} with ID: {identity}. Make sure the relevant pages and databases are shared with your integration."
    return ApiError(404, "object_not_found", message, {"integration_id": integration_id})


class MinuteClock:
    """The server's clock: set by hand, and rounded to the minute as the API does for all but databases."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) -> None:
        self.now = start

    def advance(self, **by: float) -> None:
        """Let time pass: `advance(seconds=40)`."""
        self.now += timedelta(**by)


def minute(time: datetime) -> str:
    """Return a time as pages, blocks and comments carry it."""
    return time.strftime("%Y-%m-%dT%H:%M:00.000Z")


def precise(time: datetime) -> str:
    """Return a time as databases carry it."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}+00:00"


def identifier(value: object, path: str) -> str:
    """Return an id with dashes.

    Raises:
        ApiError: it is no UUID.
    """
    if not isinstance(value, str) or not _UUID.fullmatch(value.lower()):
        place = "path" if path.startswith("path") else "query" if path.startswith("query") else "body"
        shown = f'"{value}"' if isinstance(value, str) else value
        raise invalid(f"{place} failed validation: {path} should be a valid uuid, instead was `{shown}`.")
    return str(UUID(value))


def checked_array(value: object, path: str, most: int = 100) -> list[Any]:
    """Return an array of at most `most` entries."""
    if not isinstance(value, list):
        raise refused(path, "an array", "undefined" if value is None else value)
    if len(value) > most:
        raise refused(f"{path}.length", f"≤ `{most}`", len(value))
    return value


def checked_object(value: object, path: str) -> Json:
    """Return an object."""
    if not isinstance(value, dict):
        raise refused(path, "an object", "undefined" if value is None else value)
    return value


def checked_text(value: object, path: str, most: int) -> str:
    """Return a string of at most `most` UTF-16 units."""
    if not isinstance(value, str):
        raise refused(path, "a string", "undefined" if value is None else value)
    if utf16_length(value) > most:
        raise refused(f"{path}.length", f"≤ `{most}`", utf16_length(value))
    return value


def only(body: Json, allowed: set[str], path: str = "body") -> None:
    """Refuse keys that the API does not know."""
    for name in body:
        if name not in allowed:
            raise refused(f"{path}.{name}", "not present", body[name])
