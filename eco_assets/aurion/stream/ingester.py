"""The resident process: one thread a connection, one heartbeat for all, until it is told to stop."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from eco_assets.aurion.stream.config import MqttConfig
from eco_assets.aurion.stream.connections import StreamConnection
from eco_assets.aurion.stream.events import iso, now_us
from eco_assets.aurion.stream.inbox import Limits, Room
from eco_assets.aurion.stream.meter import Meter
from eco_assets.aurion.stream.mqtt import MqttReader
from eco_assets.aurion.stream.opcua import OpcuaReader
from eco_assets.aurion.stream.spool import Spool
from eco_assets.aurion.stream.writer import Writer
from eco_assets.errors import PermanentError

log = logging.getLogger("eco.ingest")
BEAT_S = 2.0
FRESH_S = 15.0  # a heartbeat that is older is that of a dead process
RESTART_S = (2.0, 60.0)  # pause before a connection that ended by a defect is begun again: the first, and the longest


class Ingester:
    """Reads connections into the inbox."""

    def __init__(self, connections: Sequence[StreamConnection], inbox: Path, home: Path, limits: Limits) -> None:
        self._connections = connections
        self._inbox = inbox
        self._home = home
        self._limits = limits
        self._meters = {connection.name: Meter(connection.connector) for connection in connections}
        self._room = Room(inbox, limits)
        self._started_at = now_us()

    def run(self, stop: threading.Event) -> bool:
        """Read until `stop`; what was received is written before it returns. False when a connection failed for good."""
        if any(one.connector == "opcua" for one in self._connections):
            import asyncua  # noqa: F401 -- two threads that import it at once each see half of it
        threads = [threading.Thread(target=self._follow, args=(one, stop), name=one.name) for one in self._connections]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for name in self._meters:
                self._beat(name)
            next_beat = time.monotonic() + BEAT_S
            for thread in threads:
                thread.join(max(0.0, next_beat - time.monotonic()))
        return all(meter.state != "failed" for meter in self._meters.values())

    def _follow(self, connection: StreamConnection, stop: threading.Event) -> None:
        meter, pause = self._meters[connection.name], RESTART_S[0]
        while not stop.is_set():
            begun = time.monotonic()
            try:
                self._read(connection, meter, stop)
                break
            except PermanentError as error:
                log.error("%s: %s", connection.name, error)  # noqa: TRY400 -- the message says it all
                meter.state, meter.problem = "failed", str(error)
                return
            except Exception as error:
                log.exception("%s: begins again in %.0f s", connection.name, pause)
                meter.state, meter.problem = "connecting", f"{type(error).__name__}: see the log"
            pause = RESTART_S[0] if time.monotonic() - begun > RESTART_S[1] else min(RESTART_S[1], pause * 2)
            stop.wait(pause)
        meter.state = "stopped"

    def _read(self, connection: StreamConnection, meter: Meter, stop: threading.Event) -> None:
        spool = Spool(self._inbox, self._home, connection.name)
        with spool.held():
            meter.state, meter.is_held = "connecting", True
            try:
                writer, config = Writer(spool, self._limits, self._room, meter), connection.config
                if isinstance(config, MqttConfig):
                    MqttReader(connection.name, config, writer).run(stop)
                else:
                    OpcuaReader(connection.name, config, writer).run(stop)
                meter.state, meter.problem = "stopped", ""
            except PermanentError as error:
                meter.state, meter.problem = "failed", str(error)
                raise
            finally:
                self._beat(connection.name)
                meter.is_held = False

    def _beat(self, name: str) -> None:
        """Tell of a connection; only its holder does, so that a second ingester does not write over the first one's heartbeat."""
        meter = self._meters[name]
        if not meter.is_held:
            return
        found = self._room.measure()
        beat = {
            "pid": os.getpid(),
            "at": iso(now_us()),
            "started_at": iso(self._started_at),
            **meter.snapshot(),
            "inbox": {"files": found.files, "mb": found.mb, "disk_free_mb": found.free_mb, "holding": found.why},
        }
        with suppress(OSError):  # a full disk must not end the process that waits for room
            path = self._home / name / "heartbeat.json"
            temporary = path.with_suffix(f".{threading.get_ident()}")
            temporary.write_text(json.dumps(beat, ensure_ascii=False, indent=1), encoding="utf-8")
            temporary.replace(path)


def heartbeats(home: Path) -> dict[str, dict[str, Any]]:
    """The last heartbeat of each connection by name, with its age and whether its process is alive."""
    found = {}
    for path in sorted(home.glob("*/heartbeat.json")):
        beat: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        beat["age_s"] = round(max(0.0, time.time() - path.stat().st_mtime), 1)
        beat["is_alive"] = beat["state"] not in ("stopped", "failed") and beat["age_s"] < FRESH_S
        found[path.parent.name] = beat
    return found
