"""Real servers on loopback, started for the tests and stopped after them."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


class HttpServer:
    """An HTTP server on a free port of loopback, up for as long as the `with` block."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


_PARALLEL, _EACH = 8, 2000
_next = itertools.count(os.getpid() * 7)


def free_port() -> int:
    """A port that nothing listens on now.

    It lies below the ports that the system lends to clients, and each test process asks in a part of its own: one that was only looked up
    is not taken by somebody else before its server listens.
    """
    number = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0) % _PARALLEL
    for _ in range(_EACH):
        port = 14_000 + number * _EACH + next(_next) % _EACH
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def postgres_binary(name: str) -> Path | None:
    """A PostgreSQL program, on the PATH or where Debian keeps it."""
    found = shutil.which(name)
    places = [Path(found)] if found else sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return places[0] if places else None


@contextmanager
def postgres(root: Path, *, is_durable: bool = False) -> Iterator[str]:
    """An empty PostgreSQL server; gives the URL of its superuser. It refuses to run as root, so root lends it a user."""
    initdb, server, port = postgres_binary("initdb"), postgres_binary("postgres"), free_port()
    assert initdb
    assert server
    data = root / "pg"
    data.mkdir()
    user = None
    if os.geteuid() == 0:
        user = "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
        shutil.chown(data, user)
        for folder in (root, *root.parents):  # pytest's folders are closed to other users
            if folder != Path("/") and folder.stat().st_uid == 0 and not folder.stat().st_mode & 1:
                folder.chmod(folder.stat().st_mode | 0o011)
    subprocess.run([initdb, "-D", data, "-U", "eco", "--auth=trust", "--no-sync"], check=True, capture_output=True, user=user, cwd="/")
    options = ["-c", f"unix_socket_directories={data}", "-c", "listen_addresses=127.0.0.1", "-c", f"fsync={'on' if is_durable else 'off'}"]
    with (root / "postgres.log").open("wb") as log:
        process = subprocess.Popen([server, "-D", data, "-p", str(port), *options], stdout=log, stderr=log, user=user, cwd="/")
        try:
            _wait_for(port, process, root)
            yield f"postgresql://eco@127.0.0.1:{port}/postgres"
            assert process.poll() is None, f"the server ended before its time: {_last_words(root)}"
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes], root: Path, seconds: float = 30) -> None:
    import psycopg

    deadline = time.monotonic() + seconds
    while True:
        try:
            with psycopg.connect(f"postgresql://eco@127.0.0.1:{port}/postgres", connect_timeout=2) as db:
                row = db.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            assert process.poll() is None, f"the server ended: {_last_words(root)}"
            assert time.monotonic() < deadline, f"nothing answered on port {port}: {_last_words(root)}"
            time.sleep(0.1)
        else:
            assert row == (str(root / "pg"),), f"somebody else's server answers on port {port}: {_last_words(root)}"
            return


def _last_words(root: Path) -> str:
    return (root / "postgres.log").read_text(errors="replace")[-2000:]
