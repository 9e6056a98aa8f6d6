"""Errors as answers: RFC 9457 problem details, one row a kind of error. The message of an `EcoError` says what to do and is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from eco_assets import errors
from eco_assets.errors import EcoError

MEDIA_TYPE = "application/problem+json"


@dataclass
class Problem(Exception):
    """An answer that says what went wrong. `more` are further members."""

    status: int
    code: str
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def body(self, instance: str) -> bytes:
        """As JSON; `instance` names the occurrence."""
        told = {"type": f"urn:eco:problem:{self.code}", "title": self.title, "status": self.status, "detail": self.detail}
        return msgspec.json.encode({**told, "instance": instance, **self.more})


_AGAIN = {"Retry-After": "1"}
# The first class that an error is one of; the order matters.
_KNOWN: tuple[tuple[type[EcoError], int, str, str], ...] = (
    (errors.NotFound, 404, "not-found", "Nothing is known by that name"),
    (errors.RequestRefused, 422, "refused", "The request cannot be met as it is"),
    (errors.PolicyError, 422, "policy", "The policy cannot decide about this"),
    (errors.DeadlineExceeded, 504, "deadline", "The deadline passed"),
    (errors.Overloaded, 503, "overloaded", "Too much is asked at this moment"),
    (errors.LedgerError, 503, "ledger", "The ledger cannot be written"),
    (errors.TransientError, 503, "unavailable", "A part does not answer at this moment"),
    (errors.PermanentError, 409, "conflict", "The state of things does not allow this"),
)


def problem_of(error: EcoError) -> Problem:
    """The answer that an error is told by."""
    for kind, status, code, title in _KNOWN:
        if isinstance(error, kind):
            return Problem(status, code, title, str(error), dict(_AGAIN) if status == 503 else {})
    return internal()


def internal() -> Problem:
    """What is our fault and was not foreseen."""
    return Problem(500, "internal", "Something went wrong here", "it was logged; ask again later")


def malformed(detail: str) -> Problem:
    """A body that is no JSON."""
    return Problem(400, "malformed", "The body is not JSON", detail)


def invalid(detail: str) -> Problem:
    """A body or parameter that is not what the operation takes."""
    return Problem(422, "invalid", "The request is not what this operation takes", detail)


def unauthorized(detail: str) -> Problem:
    """No valid key."""
    return Problem(401, "unauthorized", "A valid API key is needed", detail, {"WWW-Authenticate": 'Bearer realm="eco"'})


def forbidden(scope: str) -> Problem:
    """A key without the scope."""
    return Problem(
        403, "forbidden", "The key may not do this", f"the key lacks the scope {scope}; make one with `eco keys new --scope {scope}`"
    )


def too_often(seconds: float) -> Problem:
    """A key that was used too often."""
    wait = str(max(1, int(seconds + 0.999)))
    return Problem(429, "rate-limited", "The key is used too often", f"wait {wait} s and ask again", {"Retry-After": wait})


def too_large(limit: int) -> Problem:
    """A body above the limit."""
    return Problem(413, "too-large", "The body is too large", f"a body may have {limit} bytes; split the request")
