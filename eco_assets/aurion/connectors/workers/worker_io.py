"""What every worker shares. It runs in a foreign environment: standard library only, Python 3.9 or later, nothing of Eco.

The task is the first line of standard input. Messages are JSON lines on what was standard output; anything that a library prints goes to
standard error. When standard input closes, whoever asked is gone and the process group is killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

# Names of errors that say that nobody answered, whatever library they are of.
TRANSIENT = {"ConnectionError", "ConnectError", "TimeoutError", "Timeout", "ConnectTimeout", "ReadTimeout", "RetriableAPIError", "gaierror"}
_lock = threading.Lock()
_out: Any = None
last_http: dict[str, Any] = {}  # how the newest HTTP request ended: {"status": 401} or {"error": "ConnectionError"}


def start() -> dict[str, Any]:
    """Take standard output for messages, put on the leash, and give the task."""
    global _out
    _out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    task: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_leash, daemon=True).start()
    _watch_requests()
    return task


def say(message: dict[str, Any]) -> None:
    """One message."""
    say_line(json.dumps(message, default=str).encode())


def say_line(line: bytes) -> None:
    """One message that is JSON already."""
    with _lock:
        _out.write(line.rstrip(b"\n") + b"\n")


def fail(kind: str, message: str) -> None:
    """Say why it does not work, and end. `kind` is config, refused or unavailable."""
    say({"type": "FAILED", "kind": kind, "message": message})
    sys.stderr.flush()
    os._exit(1)


def kind_of(error: BaseException) -> str:
    """What kind of failure an error is: by the newest HTTP answer, then by what the error is called."""
    status = last_http.get("status")
    if status in (401, 403):
        return "refused"
    if "error" in last_http or (status is not None and (status == 429 or status >= 500)):
        return "unavailable"
    names = {kind.__name__ for one in chain(error) for kind in type(one).__mro__}
    return "unavailable" if names & TRANSIENT else "refused"


def chain(error: BaseException | None) -> Any:
    """An error and those behind it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _leash() -> None:
    while os.read(0, 65536):  # not through sys.stdin, whose lock would be held while the interpreter ends
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _watch_requests() -> None:
    """Remember how the newest request of the `requests` library ended; most sources use it."""
    try:
        from requests.adapters import HTTPAdapter
    except ImportError:
        return
    send = HTTPAdapter.send

    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = send(self, *args, **kwargs)
        except Exception as error:
            last_http.clear()
            last_http["error"] = type(error).__name__
            raise
        last_http.clear()
        last_http["status"] = answer.status_code
        return answer

    HTTPAdapter.send = watched  # type: ignore[method-assign]
