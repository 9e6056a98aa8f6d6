"""A worker of a foreign runtime as a child process: a task goes in, messages come out, and it never outlives whoever reads them.

The task (it holds the configuration) goes through standard input, so it is never in a file, an argument or the environment. That pipe is
also the leash: the worker kills its process group when it closes, which happens even when this process is killed.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_assets.aurion.connectors.scrub import Scrubber
from eco_assets.errors import ConfigError, EcoError, SourceRefused, SourceUnavailable

WORKERS = Path(__file__).parent / "workers"
LONGEST_LINE = 64 * 1024 * 1024  # bytes of one message; beyond it the worker is taken to be broken
# What a worker may see of this process's environment: how to reach the network, and nothing of Eco's or of anybody's cloud.
PROXIES = tuple(form for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for form in (name, name.lower()))
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", *CERTIFICATES, *PROXIES)
KINDS: dict[str, type[EcoError]] = {"config": ConfigError, "refused": SourceRefused, "unavailable": SourceUnavailable}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """How to start one: the interpreter, its script below `workers/`, and for how long it may stay silent."""

    python: Path
    script: str
    name: str
    silence_s: float = 600.0


def messages(worker: Worker, task: dict[str, Any], scrub: Scrubber) -> Iterator[dict[str, Any]]:
    """The worker's messages for one task. Closing the iterator kills it.

    Raises:
        ConfigError, SourceRefused, SourceUnavailable: as the worker says, or as its death, silence or garbage has it.
    """
    with _started(worker) as process:
        tail: deque[str] = deque(maxlen=20)
        listener = threading.Thread(target=_listen, args=(process, scrub, tail, worker.name), daemon=True)
        listener.start()
        try:
            _give(process, task)
            yield from _parsed(worker, process, scrub)
            code = process.wait(timeout=30)
            listener.join(timeout=5)
            _judge(worker, code, tail)
        finally:
            _end(process)


def _started(worker: Worker) -> subprocess.Popen[bytes]:
    env = {name: os.environ[name] for name in PASSED if name in os.environ}
    command = [str(worker.python), "-u", str(WORKERS / worker.script)]
    return subprocess.Popen(  # noqa: S603 -- our own script in an environment of ours
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**env, "PYTHONUTF8": "1", "DO_NOT_TRACK": "1"},
        start_new_session=True,
    )


def _give(process: subprocess.Popen[bytes], task: dict[str, Any]) -> None:
    assert process.stdin  # noqa: S101 -- a pipe was asked for
    try:
        process.stdin.write(json.dumps(task).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        log.debug("the worker ended before it took its task; its exit code says more")


def _parsed(worker: Worker, process: subprocess.Popen[bytes], scrub: Scrubber) -> Iterator[dict[str, Any]]:
    for line in _lines(worker, process):
        if not line.strip():
            continue
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict) or "type" not in message:
            shown = scrub(line[:200].decode(errors="replace"))
            raise SourceRefused(f"{worker.name} gave something that is no message: {shown!r}") from None
        if message["type"] == "FAILED":
            raise KINDS[message["kind"]](f"{worker.name}: {scrub(str(message['message']))[:2000]}") from None
        yield message


def _lines(worker: Worker, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout  # noqa: S101 -- a pipe was asked for
    pipe, held = process.stdout.fileno(), bytearray()
    with selectors.DefaultSelector() as waiting:
        waiting.register(pipe, selectors.EVENT_READ)
        until = time.monotonic() + worker.silence_s
        while waiting.select(timeout=max(0.0, until - time.monotonic())):
            read = os.read(pipe, 1 << 20)
            if not read:
                if held:
                    yield bytes(held)
                return
            until = time.monotonic() + worker.silence_s
            *whole, rest = (held + read).split(b"\n") if b"\n" in read else (held + read,)
            held = bytearray(rest)
            if len(held) > LONGEST_LINE:
                raise SourceRefused(f"{worker.name} gave a line of more than {LONGEST_LINE} bytes")
            yield from map(bytes, whole)
            until = time.monotonic() + worker.silence_s  # whoever takes the messages may be slow; that is not the worker's silence
    raise SourceUnavailable(f"{worker.name} said nothing for {worker.silence_s:g} s and was stopped; try again, or allow it more time")


def _listen(process: subprocess.Popen[bytes], scrub: Scrubber, tail: deque[str], name: str) -> None:
    assert process.stderr  # noqa: S101 -- a pipe was asked for
    for line in process.stderr:
        text = scrub(line.decode(errors="replace").rstrip())
        if text:
            tail.append(text)
            log.debug("%s: %s", name, text)


def _judge(worker: Worker, code: int, tail: deque[str]) -> None:
    said = " / ".join(list(tail)[-3:])[-600:] or "nothing on standard error"
    if code < 0:
        raise SourceUnavailable(f"{worker.name} was ended by {signal.Signals(-code).name}: {said}")
    if code:
        raise SourceRefused(f"{worker.name} ended with code {code} and no word why: {said}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group: a worker may have children."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("the worker is gone already")
    process.wait()
