"""One polite HTTP session: it keeps below a rate, waits as long as it is told to, tries again what may go through, and gives up in time.

dlt's RESTClient, paginators and authentication are used as they are. Its retrying client is not: it reads `Retry-After: 2.0` (Shopify's
way) as no number, shortens a longer wait than its own limit, has no jitter, no limit on the whole, and parses numbers as floats. Trying
again is tenacity's, as in dlt.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.connectors.protocol import Config
from eco_assets.aurion.connectors.rows import read_json
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

if TYPE_CHECKING:
    import requests
    from dlt.sources.helpers.rest_client import RESTClient

RETRIED = frozenset({408, 425, 429, *range(500, 600)})
WHOLE = "$"  # the answer itself is the list
LONGEST_WAIT_S = 60.0  # of one step of the exponential back-off; Retry-After may be longer


@dataclass(frozen=True)
class Limits:
    """How hard and how long we may try."""

    per_second: float = 0  # 0: no limit on our side
    burst: int = 1
    attempts: int = 8
    max_wait_s: float = 300  # of all waits of one request
    timeout_s: float = 60
    first_wait_s: float = 0.5


class Bucket:
    """A token bucket: `burst` requests at once, then `per_second`."""

    def __init__(self, limits: Limits) -> None:
        self.rate, self.size = limits.per_second, max(1, limits.burst)
        self.tokens, self.at = float(self.size), time.monotonic()

    def take(self) -> None:
        """Wait for a token."""
        if not self.rate:
            return
        now = time.monotonic()
        self.tokens, self.at = min(self.size, self.tokens + (now - self.at) * self.rate), now
        self.tokens -= 1
        if self.tokens < 0:
            time.sleep(-self.tokens / self.rate)


def retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number, with or without a fraction, or an HTTP date. None where it says nothing."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def backoff_s(attempt: int, first_s: float) -> float:
    """Wait before the next attempt: doubled each time, half of it by chance, so that many readers do not come back at once."""
    step: float = min(LONGEST_WAIT_S, first_s * 2.0 ** (attempt - 1))
    return step * (0.5 + random.random() / 2)  # noqa: S311 -- not for secrets


def client(base_url: str, auth: Any, headers: Mapping[str, str], limits: Limits, scrub: Callable[[str], str]) -> RESTClient:
    """A dlt client on a polite session.

    Args:
        base_url: where paths are below.
        auth: dlt authentication, or None.
        headers: sent with every request. On the session, because dlt logs those of a request.
        limits: how hard and how long we may try.
        scrub: takes secrets out of a text.
    """
    from dlt.common.configuration.specs.runtime_configuration import RuntimeConfiguration
    from dlt.sources.helpers.requests.session import Session
    from dlt.sources.helpers.rest_client import RESTClient

    bucket = Bucket(limits)

    class Polite(Session):  # type: ignore[misc]
        def send(self, request: Any, **options: Any) -> Any:
            return _persistent(lambda: super(Polite, self).send(request, **options), bucket, limits, scrub)

    class Exact(RESTClient):  # type: ignore[misc]
        def extract_response(self, response: Any, data_selector: Any) -> list[Any]:
            return rows_in(body(response, scrub), str(data_selector), _path(response))

    session = Polite(timeout=limits.timeout_s, raise_for_status=False)
    session.headers.update({"User-Agent": "eco-aurion", "Accept": "application/json", **headers})
    return Exact(base_url, auth=auth, session=session, config=RuntimeConfiguration())


def rows_in(answer: Any, path: str, asked: str) -> list[Any]:
    """The rows of an answer. dlt takes an answer without them for an empty page; here it is refused, or an error page would end a list.

    Raises:
        SourceRefused: there are none at that path.
    """
    found = answer
    for name in path.split(".") if path != WHOLE else ():
        if not isinstance(found, Mapping) or name not in found:
            raise SourceRefused(f"{asked} answers without `{path}`")
        found = found[name]
    rows = [] if found is None else found if isinstance(found, list) else [found]
    if not all(isinstance(row, Mapping) for row in rows):
        raise SourceRefused(f"{asked} answers with something else than rows{'' if path == WHOLE else f' in `{path}`'}")
    return rows


def _persistent(send: Callable[[], Any], bucket: Bucket, limits: Limits, scrub: Callable[[str], str]) -> Any:
    """An answer that can be read, after as many attempts as it takes and the limits allow."""
    import requests
    import tenacity

    broken = (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    )

    def attempt() -> Any:
        bucket.take()
        answer = send()
        if answer.ok and answer.content:
            answer.parsed = _parsed(answer)
        return answer

    def is_passing(state: tenacity.RetryCallState) -> bool:
        outcome = state.outcome
        assert outcome is not None  # noqa: S101 -- tenacity asks after an attempt
        error = outcome.exception()
        return isinstance(error, (*broken, _Truncated)) if error else outcome.result().status_code in RETRIED

    def wait(state: tenacity.RetryCallState) -> float:
        outcome = state.outcome
        told = None if outcome is None or outcome.failed else retry_after_s(outcome.result().headers.get("Retry-After"))
        return backoff_s(state.attempt_number, limits.first_wait_s) if told is None else told

    def is_over(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= limits.attempts or state.idle_for + state.upcoming_sleep > limits.max_wait_s

    try:
        answer = tenacity.Retrying(retry=is_passing, wait=wait, stop=is_over, retry_error_callback=_last)(attempt)
    except (*broken, _Truncated) as error:
        raise SourceUnavailable(f"no whole answer: {scrub(_why(error))}; try again later") from None
    except requests.RequestException as error:
        raise ConfigError(f"the request cannot be sent: {scrub(str(error)[:300])}") from None
    if answer.status_code in RETRIED:
        told = answer.headers.get("Retry-After")
        asked = f" and asks to wait for {told}" if told else ""
        raise SourceUnavailable(f"{_path(answer)} answers {answer.status_code}{asked}; try again later")
    return answer


class _Truncated(Exception):
    """An answer of the right length that is no JSON: cut off by something between us and the source."""


def _last(state: Any) -> Any:
    return state.outcome.result()


def _parsed(answer: requests.Response) -> Any:
    if "json" not in answer.headers.get("Content-Type", "json"):
        raise SourceRefused(f"{_path(answer)} answers with {answer.headers.get('Content-Type')}, not with JSON")
    try:
        return read_json(answer.content)
    except ValueError:
        raise _Truncated(f"{_path(answer)} answers with {len(answer.content)} bytes that are no JSON") from None


def body(answer: requests.Response, scrub: Callable[[str], str]) -> Any:
    """The JSON of an answer, decimals exact.

    Raises:
        SourceRefused: we are not let in (401, 403), or the request is refused; says the status and what the source says.
    """
    if answer.status_code in (401, 403):
        raise SourceRefused(f"{_path(answer)} answers {answer.status_code}: the source does not let us in with these credentials")
    if not answer.ok:
        said = scrub(" ".join(answer.text.split())[:200])
        raise SourceRefused(f"{_path(answer)} answers {answer.status_code}: {said}")
    return getattr(answer, "parsed", None)


def server_now(answer: requests.Response) -> float:
    """The source's own clock, in seconds since 1970: cursors are its time, not ours. Ours where it does not tell."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()


def limits_of(config: Config, rate: Mapping[str, Any]) -> Limits:
    """Limits from the shape's rate and the configuration's own words."""
    return Limits(
        per_second=float(config.get("requests_per_second", rate.get("per_second", 0))),
        burst=int(rate.get("burst", 1)),
        attempts=int(config.get("max_attempts", Limits.attempts)),
        max_wait_s=float(config.get("max_wait_s", Limits.max_wait_s)),
        timeout_s=float(config.get("timeout_s", Limits.timeout_s)),
    )


def _path(answer: requests.Response) -> str:
    return (answer.url or "").split("?")[0]


def _why(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
