"""Signed JSON over HTTP. The receiver tells repeats by `Idempotency-Key` and forgeries by `X-Eco-Signature`.

The signature is `sha256=` and the HMAC of `<X-Eco-Timestamp>.<body>` with the shared secret, hexadecimal; a receiver refuses an old
timestamp (docs/doors.md has its ten lines).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any, ClassVar

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Began, Form, Message, Unreached, withdrawal
from eco_assets.jorge.doors.masking import shown
from eco_assets.jorge.doors.options import Webhook

_LATER = (408, 409, 423, 425, 429)  # 409: another request with that key is at work
_NEVER = (501, 505)
_MOST_ANSWER = 64 * 1024


class WebhookDoor:
    """One address."""

    kind: ClassVar[str] = "webhook"
    is_idempotent: ClassVar[bool] = True

    def __init__(self, options: Webhook) -> None:
        self._options = options

    def send(self, key: str, message: Message, began: Began) -> str:
        """See `Door.send`."""
        return self._post(key, body_of(key, message), str(message.get("traceparent", "")), began)

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """An event that names the key to be taken back."""
        return self._post(withdrawal(key), body_of(key, message, is_withdrawal=True), str(message.get("traceparent", "")), began)

    def check(self) -> str:
        """Ask for the address's options: no event is sent."""
        status, _ = self._ask("OPTIONS", b"", {}, time.monotonic() + self._options.timeout_s)
        if status >= 500:
            raise DoorUnavailable(f"the receiver answers {status}")
        return f"the receiver answers {status}"

    def _post(self, key: str, body: bytes, traceparent: str, began: Began) -> str:
        began()
        deadline = time.monotonic() + self._options.timeout_s + self._options.patience_s
        while True:
            headers = self._headers(key, body, traceparent)
            status, said = self._ask("POST", body, headers, min(deadline, time.monotonic() + self._options.timeout_s))
            if 200 <= status < 300:
                return f"HTTP {status}"
            wait = said.wait_s if status in (429, 503) else None
            if wait is None or wait > self._options.patience_s or time.monotonic() + wait > deadline:
                raise _refusal(status, said.text)
            time.sleep(wait)

    def _headers(self, key: str, body: bytes, traceparent: str) -> dict[str, str]:
        token = self._options.token.get_secret_value()
        moment = str(int(time.time()))
        return {
            **self._options.headers,
            **plain_headers(key, traceparent),
            **({"Authorization": f"Bearer {token}"} if token else {}),
            "X-Eco-Timestamp": moment,
            "X-Eco-Signature": signature(self._options.secret.get_secret_value(), moment, body),
        }

    def _ask(self, method: str, body: bytes, headers: dict[str, str], deadline: float) -> tuple[int, _Said]:
        import requests

        left = max(deadline - time.monotonic(), 0.1)
        try:
            with requests.request(
                method, self._options.url, data=body, headers=headers, timeout=left, allow_redirects=False, stream=True
            ) as answer:
                text = b""
                for piece in answer.iter_content(4096):
                    text += piece
                    if time.monotonic() > deadline:
                        raise DoorUnavailable(f"the receiver did not finish its answer in {self._options.timeout_s:g} s")
                    if len(text) > _MOST_ANSWER:
                        break
                return answer.status_code, _Said(text.decode("utf-8", "replace"), _seconds(answer.headers.get("Retry-After")))
        except requests.exceptions.SSLError as error:
            raise ActionRefused(f"no safe connection to the receiver: {error}") from error
        except requests.exceptions.ConnectTimeout as error:
            raise Unreached(f"the receiver does not answer: {error}") from error
        except requests.exceptions.ConnectionError as error:
            refused = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
            raise (Unreached if refused else DoorUnavailable)(f"the connection to the receiver failed: {error}") from error
        except requests.exceptions.RequestException as error:
            raise DoorUnavailable(f"no whole answer of the receiver: {error}") from error


class _Said:
    """What an answer says: its text, and the wait it asks for in seconds."""

    def __init__(self, text: str, wait_s: float | None) -> None:
        self.text, self.wait_s = text, wait_s


def body_of(key: str, message: Message, *, is_withdrawal: bool = False) -> bytes:
    """The body, byte for byte."""
    own = {name: value for name, value in message.items() if name not in ("values", "undo_template")}
    said: dict[str, Any] = {"key": withdrawal(key), "withdraws": key} if is_withdrawal else {"key": key}
    if is_withdrawal:
        own = {name: own[name] for name in ("decision_id", "traceparent", "subject", "action", "event") if name in own}
    return json.dumps({**own, **said}, ensure_ascii=False, sort_keys=True, default=str).encode()


def plain_headers(key: str, traceparent: str) -> dict[str, str]:
    """The headers that need no secret."""
    trace = {"traceparent": traceparent} if traceparent else {}
    return {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": key, "User-Agent": "eco", **trace}


def signature(secret: str, moment: str, body: bytes) -> str:
    """The value of `X-Eco-Signature`; `moment` is that of `X-Eco-Timestamp`, seconds since 1970."""
    return "sha256=" + hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def form(key: str, message: Message, *, is_withdrawal: bool = False) -> Form:
    """The request as it would leave; there is no secret to sign it with."""
    own = withdrawal(key) if is_withdrawal else key
    headers = plain_headers(own, str(message.get("traceparent", "")))
    return Form({"method": "POST", "headers": headers, "body": json.loads(body_of(key, message, is_withdrawal=is_withdrawal))})


def _seconds(text: str | None) -> float | None:
    """`Retry-After`, in seconds or as a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _refusal(status: int, text: str) -> Exception:
    said = f"HTTP {status} {shown(text)}".strip()
    if status in _LATER or (status >= 500 and status not in _NEVER):
        return DoorUnavailable(f"the receiver cannot take it now: {said}")
    if 300 <= status < 400:
        return ActionRefused(f"the receiver is elsewhere ({said}); put the final address into doors.yaml")
    return ActionRefused(f"the receiver refuses it: {said}")
