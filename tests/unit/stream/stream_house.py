"""A broker, an ingester process and its inbox, as the tests of the streams use them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pyarrow as pa
import pyarrow.parquet as pq
from paho.mqtt.enums import CallbackAPIVersion
from servers import free_port

from eco_assets.aurion.stream.broker import connect_client, subscriptions
from eco_assets.aurion.stream.config import MqttConfig, parse
from eco_assets.aurion.stream.events import DEAD_LETTERS, EVENTS, GAPS

TOPIC = {"topic": "fabrica/{machine}/telemetria", "timestamp": "ts", "id": "seq", "value": "v", "tag": "tag"}


def eventually(is_so: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """Wait until something is so; returns it."""
    deadline = time.monotonic() + seconds
    while True:
        found = is_so()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def reading(number: int, machine: str = "m1") -> tuple[str, bytes]:
    """The topic and payload of reading `number`; its value is its number."""
    seconds = 1_700_000_000 + number
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"fabrica/{machine}/telemetria", json.dumps({"seq": number, "ts": stamp, "tag": "t", "v": number}).encode()


class Broker:
    """A mosquitto that keeps its sessions over restarts, unless told otherwise."""

    def __init__(
        self, program: str, home: Path, extra: str = "", *, is_persistent: bool = True, listener: str = "allow_anonymous true"
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._program, self._settings = program, home / "mosquitto.conf"
        keeps = f"persistence true\npersistence_location {home}/\nautosave_interval 1\n" if is_persistent else ""
        self._settings.write_text(f"user root\nlistener {self.port} 127.0.0.1\n{listener}\nmax_queued_messages 0\n{keeps}{extra}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        self._process = subprocess.Popen([self._program, "-c", str(self._settings)], stderr=subprocess.DEVNULL)
        eventually(lambda: accepts(self.port), "the broker listens")
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def publish(self, messages: Sequence[tuple[str, bytes]], *, is_retained: bool = False, **credentials: str) -> None:
        """Publish with QoS 1 and wait until the broker has every message."""
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        if credentials:
            client.username_pw_set(credentials["username"], credentials["password"])
        client.max_inflight_messages_set(1000)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for sent in [client.publish(topic, payload, qos=1, retain=is_retained) for topic, payload in messages]:
            sent.wait_for_publish(15)
        client.disconnect()
        client.loop_stop()

    def send(self, numbers: range) -> None:
        """Publish these readings."""
        self.publish([reading(number) for number in numbers])

    def introduce(self, connection: str = "line") -> None:
        """Let the broker know the ingester's session, so that it keeps what is sent while the ingester is away."""
        config = parse(MqttConfig, self.config())
        client, granted = connect_client(config, f"eco-{connection}"), []
        client.on_connect = lambda *_: client.subscribe(subscriptions(config))
        client.on_subscribe = lambda *_: granted.append(True)
        client.reconnect()
        while not granted:
            client.loop(0.05)
        client.disconnect()

    def config(self, **more: Any) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "topics": [TOPIC], **more}


class House:
    """An inbox and the processes that write to it."""

    def __init__(self, root: Path) -> None:
        self.inbox, self.home = root / "inbox", root / "ingester"
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *connections: tuple[str, str, dict[str, Any]], **options: Any) -> subprocess.Popen[str]:
        """An ingester of `(name, connector, config)`; `options` as `ingest_process.py` says."""
        given = {"connections": connections, "inbox": str(self.inbox), "home": str(self.home), **options}
        given["limits"] = {"batch_s": 0.3, "free_mb": 0, **options.get("limits", {})}
        command = [sys.executable, str(Path(__file__).with_name("ingest_process.py")), json.dumps(given)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ECO_", "DAGSTER_"))}
        environment["PYTHONPATH"] = str(Path(__file__).parents[3])
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._running.append(process)
        return process

    def end(self, process: subprocess.Popen[str]) -> str:
        """SIGTERM, and what it logged; it must end with 0."""
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate(timeout=20)
        assert process.returncode == 0, printed
        return printed

    def kill(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()

    def died(self, process: subprocess.Popen[str]) -> None:
        """It must kill itself soon."""
        _, printed = process.communicate(timeout=20)
        assert process.returncode == -signal.SIGKILL, printed

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def beat(self, name: str = "line") -> dict[str, Any]:
        """The heartbeat of a connection, {} before the first."""
        path = self.home / name / "heartbeat.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def until_reading(self, name: str = "line") -> None:
        eventually(lambda: self.beat(name).get("state") == "reading", f"{name} reads")

    def events(self) -> list[dict[str, Any]]:
        """Every row of every spool file."""
        return self._rows(EVENTS)

    def gaps(self) -> list[dict[str, Any]]:
        return self._rows(GAPS)

    def _rows(self, folder: str) -> list[dict[str, Any]]:
        files = sorted((self.inbox / folder).glob("*.parquet"))
        return list(pa.concat_tables([pq.read_table(file) for file in files]).to_pylist()) if files else []

    def numbers(self) -> list[int]:
        """The values of all rows, in order; whole numbers in these tests."""
        return sorted(int(event["value"]) for event in self.events())

    def dead(self) -> list[dict[str, Any]]:
        files = sorted((self.inbox / DEAD_LETTERS).glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def until_count(self, count: int, seconds: float = 30.0) -> None:
        """Wait until so many different readings are durable."""
        eventually(lambda: len({event["event_id"] for event in self.events()}) >= count, f"{count} readings are durable", seconds)

    def take(self) -> list[int]:
        """Take the spool files out of the inbox, as a loader does; returns their values."""
        files = sorted((self.inbox / EVENTS).glob("*.parquet"))
        values = [int(value) for file in files for value in pq.read_table(file, columns=["value"])["value"].to_pylist()]
        for file in files:
            file.unlink()
        return values
