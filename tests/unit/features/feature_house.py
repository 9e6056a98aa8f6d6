"""A small lake with one table that a view reads, and servers that features are served from."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from eco_assets.aurion.features.views import View
from eco_assets.lake import Lake

START = datetime(2026, 10, 1, tzinfo=UTC)
ROW = pa.schema(
    [("machine", pa.string()), ("at", pa.timestamp("us")), ("seen", pa.timestamp("us")), ("heat", pa.float64()), ("state", pa.string())]
)


def hour(number: float) -> datetime:
    """A moment of the small lake's time."""
    return START + timedelta(hours=number)


def view(**changed: Any) -> View:
    """A view over `demo.readings`; its event time is in UTC."""
    declared: dict[str, Any] = {
        "name": "reading",
        "agent": "industrial",
        "description": "The last reading of a machine.",
        "owner": "team:industrial",
        "entity": "machine",
        "keys": [{"name": "machine", "type": "varchar", "description": "Machine."}],
        "source": {"table": "demo.readings"},
        "event_time": {"column": "at", "type": "timestamp", "timezone": "UTC"},
        "features": [
            {"name": "heat", "type": "double", "description": "Degrees."},
            {"name": "state", "type": "varchar", "description": "What it does."},
        ],
    }
    return View.model_validate({**declared, **changed})


CREATED = {"created_time": {"column": "seen", "type": "timestamp", "timezone": "UTC"}}


def rows(*given: Sequence[Any]) -> pa.Table:
    """Readings of (machine, event hour, heat, state, created hour); what is left out is null."""
    full = [(*row, *(None,) * (5 - len(row))) for row in given]
    columns = {
        "machine": [row[0] for row in full],
        "at": [None if row[1] is None else hour(row[1]).replace(tzinfo=None) for row in full],
        "seen": [None if row[4] is None else hour(row[4]).replace(tzinfo=None) for row in full],
        "heat": [row[2] for row in full],
        "state": [row[3] for row in full],
    }
    return pa.table(columns, schema=ROW)


def fill(lake: Lake, table: pa.Table, name: str = "demo.readings") -> None:
    """Make a table of the lake anew."""

    def work(db: Any) -> None:
        db.register("given", table)
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
        db.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given")

    lake.commit(work)


def asked(*given: tuple[str | None, float | None]) -> pa.Table:
    """Entities: (machine, hour)."""
    return pa.table(
        {
            "machine": pa.array([key for key, _ in given], pa.string()),
            "asked_at": pa.array([None if number is None else hour(number) for _, number in given], pa.timestamp("us", "UTC")),
        }
    )


def redis_binary() -> str | None:
    """The Redis server's program."""
    return shutil.which("redis-server")


@contextmanager
def redis_server(folder: Path, port: int | None = None, secret: str | None = None) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A real Redis on loopback, without a file of its own."""
    from servers import free_port  # not at the top: processes that import this house do not all know it

    chosen = port or free_port()
    command = ["redis-server", "--port", str(chosen), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    if secret:
        command += ["--requirepass", secret]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(chosen, process)
            yield chosen, process
        finally:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
                client.sendall(b"PING\r\n")
                if client.recv(64):
                    return
        except OSError:
            time.sleep(0.05)
        assert process.poll() is None, "redis-server ended"
        assert time.monotonic() < deadline, f"nothing answered on port {port}"
