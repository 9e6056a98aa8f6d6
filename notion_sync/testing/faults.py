"""Faults on purpose: which requests fail, how, and whether their effect stays.

A fault is taken by the first request that matches; `times` says how often. Faults that happen after the effect
(`after`, `partial`) are those that make a careless client write twice.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Literal

from notion_sync.testing.wire import ApiError

Moment = Literal["before", "after", "partial"]
RateReason = Literal[
    "public_api_request_rate_limit", "public_api_space_request_rate_limit", "public_api_endpoint_rate_limit", "public_api_request_blocked"
]

_ERRORS = {
    409: ("conflict_error", "Conflict occurred while saving. Please try again."),
    429: ("rate_limited", "You have been rate limited. Please try again in a few minutes."),
    500: ("internal_server_error", "Unexpected error occurred."),
    502: ("bad_gateway", "Bad gateway."),
    503: ("service_unavailable", "Public API service is temporarily unavailable, please try again later."),
    504: ("gateway_timeout", "Gateway timeout."),
    529: ("service_overload", "Notion is temporarily overloaded, please try again later."),
}


@dataclass
class Fault:
    """One kind of failure.

    Attributes:
        status: HTTP status of the answer; 0 drops the connection instead.
        method, path: which requests: a method or "", and a pattern searched in the path.
        moment: `before` the effect; `after` it; `partial`: after the first `kept` children of an append.
        times: how many requests it hits. skip: how many matching requests pass first.
        retry_after: seconds for the header, with 429 and 529. reason: why, with 429.
        has_ids: whether a 503 after the effect says what was committed.
        is_truncated: the answer breaks off in the middle of its body, after the effect.
    """

    status: int
    method: str = ""
    path: str = ""
    moment: Moment = "before"
    times: int = 1
    skip: int = 0
    retry_after: int | None = None
    reason: RateReason = "public_api_request_rate_limit"
    has_ids: bool = True
    kept: int = 1
    is_truncated: bool = False

    def matches(self, method: str, path: str) -> bool:
        """Whether this request is hit."""
        return (not self.method or self.method == method) and bool(re.search(self.path, path))

    def error(self, committed: list[str] | None = None) -> ApiError:
        """Return the answer; `committed` are the ids that stayed, the first one the resource itself."""
        code, message = _ERRORS[self.status]
        data: dict[str, object] = {}
        if self.status == 429:
            data["rate_limit_reason"] = self.reason
        if self.status == 503 and committed and self.has_ids:
            data = {
                "retry_guidance": "Do not repeat the write.",
                "committed_resource_id": committed[0],
                "committed_child_ids": committed[1:],
            }
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        return ApiError(self.status, code, message, data or None, headers)


class FaultPlan:
    """The faults that still wait for a request. Safe to use from any thread."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Let these faults happen, in order."""
        with self._lock:
            self._waiting += faults

    def storm(self, times: int, retry_after: int = 0) -> None:
        """Let the next `times` requests be rate limited."""
        self.add(Fault(429, times=times, retry_after=retry_after))

    def clear(self) -> None:
        """Let nothing fail any more."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request, if any."""
        with self._lock:
            for fault in self._waiting:
                if not fault.matches(method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
