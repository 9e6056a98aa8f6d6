"""Real far sides on loopback, each of which can be made to fail, and a world whose doors lead to them."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

import yaml
from servers import HttpServer, free_port

from eco_assets.jorge.world import World

TRACE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
LETTER = {
    "decision_id": "d" * 32,
    "traceparent": TRACE,
    "subject": "pedido-7",
    "action": "pedir_desculpas",
    "template": "desculpas_atraso",
    "to": "cliente",
    "undo_template": "desconsiderar",
    "values": {},
}
EVENT = {
    "decision_id": "d" * 32,
    "traceparent": TRACE,
    "subject": "maquina-1",
    "action": "parar",
    "event": "machine_stopped",
    "why": "ação",
}


class DoorHouse:
    """A world under one folder, with or without `doors.yaml`."""

    def __init__(self, root: Path) -> None:
        self.root, self.outbox, self.file = root, root / "outbox", root / "doors.yaml"

    def world(self, store: str | None = None, **doors: Mapping[str, Any]) -> World:
        """A world whose doors are these; the same folder keeps its journal."""
        self.file.write_text(yaml.safe_dump({"doors": {name: dict(options) for name, options in doors.items()}}), encoding="utf-8")
        return World(self.outbox, store or self.root / "jorge" / "bookings.db", self.file)

    def lying(self) -> list[dict[str, Any]]:
        """Messages in the outbox."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.outbox.glob("*/*.json"))]


class Mailbox:
    """An SMTP server (aiosmtpd) that keeps what it accepts. `answer` may refuse a letter; `cut` breaks off after one was accepted."""

    def __init__(self) -> None:
        from aiosmtpd.smtp import SMTP

        self.letters: list[EmailMessage] = []
        self.answers: list[str] = []
        self.recipient_answers: list[str] = []
        self.cuts = 0
        outer = self

        class Handler:
            async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
                if outer.recipient_answers:
                    return outer.recipient_answers.pop(0)
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
                answer = outer.answers.pop(0) if outer.answers else "250 OK"
                if answer.startswith("250"):
                    outer.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
                if outer.cuts:
                    outer.cuts -= 1
                    server.transport.abort()
                return answer

        self._loop = asyncio.new_event_loop()
        listening = self._loop.create_server(lambda: SMTP(Handler(), hostname="127.0.0.1", loop=self._loop), "127.0.0.1", 0)
        self._server = self._loop.run_until_complete(listening)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def door(self, **more: Any) -> dict[str, Any]:
        """Options of a door to it."""
        return {
            "kind": "smtp",
            "host": "127.0.0.1",
            "port": self._server.sockets[0].getsockname()[1],
            "security": "none",
            "sender": "Loja <loja@empresa.com.br>",
            "recipients": {"cliente": "{subject}@clientes.example"},
            "timeout_s": 20,
            **more,
        }


class Receiver:
    """A receiver of webhooks that acts once an `Idempotency-Key`. `plan` holds what happens to the next requests.

    A plan's entry is a status, or (status, headers), or a function of the request's handler that returns a status, or None where it
    answered by itself. What is accepted is kept in `acted` before the answer leaves.
    """

    def __init__(self) -> None:
        self.plan: list[Any] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.acted: dict[str, dict[str, Any]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((dict(self.headers), body))
                step = outer.plan.pop(0) if outer.plan else 200
                status, headers = step if isinstance(step, tuple) else (step, {})
                if callable(status):
                    outer.act(self.headers["Idempotency-Key"], body)
                    status = status(self)
                    if status is None:
                        return
                elif status < 300:
                    outer.act(self.headers["Idempotency-Key"], body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                said = b'{"documento": "529.982.247-25"}'
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def do_OPTIONS(self) -> None:
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = HttpServer(Handler)

    def act(self, key: str, body: bytes) -> None:
        """Once a key."""
        self.acted.setdefault(key, json.loads(body))

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def door(self, **more: Any) -> dict[str, Any]:
        """Options of a door to it."""
        return {"kind": "webhook", "url": self._server.url + "/hook", "secret": "${HOOK_SECRET}", "timeout_s": 20, **more}


def drops(handler: BaseHTTPRequestHandler) -> None:
    """Answer nothing: the connection is cut."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def halves(handler: BaseHTTPRequestHandler) -> None:
    """Promise a hundred bytes and give ten."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def hangs(handler: BaseHTTPRequestHandler) -> None:
    """Answer nothing until the client gives up."""
    handler.connection.settimeout(60)
    handler.connection.recv(1)


class Broker:
    """A mosquitto that can be stopped and started again."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder, self.port = program, folder, 0
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    def start(self) -> None:
        for _ in range(20):  # a free port may be somebody else's a moment later; it cannot be asked for port 0
            port = self.port or free_port()
            settings = f"listener {port} 127.0.0.1\nallow_anonymous true\n"
            (self._folder / "mosquitto.conf").write_text(settings, encoding="utf-8")
            running = subprocess.Popen([self._program, "-c", str(self._folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
            until(lambda port=port, running=running: _is_open(port) or running.poll() is not None)  # type: ignore[misc]
            if running.poll() is None:
                self._process, self.port = running, port
                return
        raise AssertionError("no port for the broker")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def door(self, **more: Any) -> dict[str, Any]:
        """Options of a door to it."""
        return {"kind": "mqtt", "host": "127.0.0.1", "port": self.port, "topic": "fabrica/{subject}/comandos", "timeout_s": 20, **more}


class Machine:
    """A machine on the broker that acts once a key and answers on its topic."""

    def __init__(self, broker: Broker, name: str = "maquina-1", *, refuses: str = "", silent: int = 0) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self.acted: dict[str, dict[str, Any]] = {}
        self.heard: list[str] = []
        self._refuses, self._silent, self._name = refuses, silent, name
        ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._client.subscribe(f"fabrica/{name}/comandos", qos=1)
        assert ready.wait(60)

    def _hear(self, client: Any, _data: Any, message: Any) -> None:
        said = json.loads(message.payload)
        self.heard.append(said["key"])
        if not self._refuses:
            self.acted.setdefault(said["key"], said)
        if self._silent:
            self._silent -= 1
            return
        status = {"status": "refused", "why": self._refuses} if self._refuses else {"status": "ok"}
        client.publish(f"fabrica/{self._name}/respostas", json.dumps({"key": said["key"], **status}), qos=1)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def dead_port() -> int:
    """A port that refuses."""
    return free_port()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
