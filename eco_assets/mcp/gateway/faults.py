"""What a provider's failure means: its place in the error tree, whether it may have been billed, and when to come back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from eco_assets.errors import EcoError, ProviderRefused, ProviderUnavailable

TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
NO_SUCH_ENDPOINT = frozenset({404, 405, 501})
CLOSED_DOOR = frozenset({401, 402, 403})  # only a person can open it: a key or a bill
NEVER_SENT = ("ClientConnector", "ConnectionTimeout", "ConnectionRefused", "ServerTimeout", "gaierror")  # of aiohttp and of sockets
USED_UP = re.compile(r"insufficient_quota|quota|billing|credit|budget_exceeded|budget", re.IGNORECASE)


@dataclass(frozen=True)
class Fault:
    """A failed attempt. `is_charged` says that it may have been billed, which nobody can know; `is_exhausted`, that only a person helps."""

    error: EcoError
    status: int | None = None
    is_charged: bool = True
    is_exhausted: bool = False
    retry_after_s: float | None = None

    @property
    def is_transient(self) -> bool:
        """Whether the same call may go through later."""
        return isinstance(self.error, ProviderUnavailable)

    @property
    def name(self) -> str:
        """The error tree's name."""
        return type(self.error).__name__


def timed_out(seconds: float) -> Fault:
    """No answer within the time that was left."""
    return Fault(ProviderUnavailable(f"no answer within {seconds * 1000:.0f} ms"))


def fault_of(error: Exception) -> Fault:
    """The fault behind an error of the `openai` client. Messages name no key and no prompt."""
    status = getattr(error, "status_code", None)
    if status is None:
        cause = type(_root(error)).__name__
        return Fault(ProviderUnavailable(f"no connection ({cause})"), is_charged=not cause.startswith(NEVER_SENT))
    headers = getattr(getattr(error, "response", None), "headers", {})
    return status_fault(int(status), headers, getattr(error, "body", None))


def _root(error: BaseException) -> BaseException:
    """The transport's own error: between it and us, a server that hung up and one that was never reached have one name."""
    while (cause := error.__cause__ or error.__context__) is not None and cause is not error and not isinstance(error, OSError):
        error = cause
    return error


def status_fault(status: int, headers: Any, body: Any) -> Fault:
    """The fault behind a status that is not 2xx."""
    is_used_up = status in (400, 429) and USED_UP.search(_said(body)) is not None
    if status in CLOSED_DOOR or is_used_up:
        reason = "its key was refused" if status in (401, 403) else "its quota is used up"
        message = f"HTTP {status}: {reason}; check the provider's account"
        return Fault(ProviderRefused(message), status, is_charged=False, is_exhausted=True)
    if status in TRANSIENT_STATUS or status >= 500:
        return Fault(
            ProviderUnavailable(f"HTTP {status}"), status, is_charged=status >= 500 and status != 501, retry_after_s=_retry_after_s(headers)
        )
    return Fault(ProviderRefused(f"HTTP {status}: it does not take this request"), status, is_charged=False)


def _said(body: Any) -> str:
    """Code, type and message of an error body, in whatever form it comes."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        return " ".join(str(inner.get(key, "")) for key in ("code", "type", "message")) if isinstance(inner, dict) else str(inner)
    return str(body or "")


def _retry_after_s(headers: Any) -> float | None:
    """`retry-after-ms`, or `Retry-After` in seconds or as a date; None where there is none that can be read."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        given = headers.get("retry-after")
        if given is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", given.strip()):
            return float(given)
        return float(max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError):
        return None
