"""Reads MQTT 5: a durable session, and an acknowledgement only for what is durable here.

One thread a connection does everything (receive, write, acknowledge), so no acknowledgement can meet a session that it is not of.
Without room nothing is acknowledged, and when `receive_maximum` messages wait here we leave: the broker keeps the rest in our session.
(It should not send more than that many by itself, but mosquitto 2.0.11 does as soon as some were acknowledged.)
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from eco_assets.aurion.stream.broker import REFUSALS, connect_client, subscriptions
from eco_assets.aurion.stream.config import MqttConfig
from eco_assets.aurion.stream.events import DeadLetter, Gap, identity, now_us
from eco_assets.aurion.stream.payloads import Poisoned, Reader
from eco_assets.aurion.stream.writer import Writer
from eco_assets.errors import SourceRefused

if TYPE_CHECKING:
    import paho.mqtt.client as paho

log = logging.getLogger("eco.ingest")
TAKEN_OVER = 142  # MQTT 5 reason code: another client connected with our id
WAIT_S = (0.5, 30.0)  # between two attempts to connect: the first pause, and the longest
LASTS_S = 3.0  # a connection that is lost sooner did not last
READS = 500  # packets taken before anything else is looked at
KEPT = 1_024  # bytes kept of a payload that is too large


class Message(NamedTuple):
    """A message as it came, and the connection that its number `mid` is of."""

    generation: int
    mid: int
    qos: int
    topic: bytes
    payload: bytes
    size: int
    is_retained: bool
    received_at: int


class MqttReader:
    """The resident reader of one broker."""

    def __init__(self, name: str, config: MqttConfig, writer: Writer) -> None:
        self.name = name
        self._config = config
        self._writer = writer
        self._meter = writer.meter
        self._read = Reader(name, config)
        self._waiting: list[Message] = []  # received, not made durable
        self._written: list[Message] = []  # taken into the writer's batch; acknowledged when that is durable
        # Half of the window, so that the broker sends the other half while we write.
        self._full = min(writer.limits.batch_rows, max(1, config.receive_maximum // 2))
        self._generation = 0
        self._is_connected, self._connected_at = False, 0.0
        self._short = 0  # connections in a row that did not last
        self._is_taking = True
        self._fatal = ""
        self._client = connect_client(config, config.client_id or f"eco-{name}")
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def run(self, stop: threading.Event) -> None:
        """Read until `stop`; then write what was received, acknowledge it and leave.

        Raises:
            SourceRefused: another client took our session.
        """
        pause, next_try = WAIT_S[0], 0.0
        try:
            while not stop.is_set() and not self._fatal:
                if self._client.socket() is None and time.monotonic() >= next_try and not self._is_full():
                    pause = self._connect(pause)
                    next_try = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311 -- spreads reconnects, keeps no secret
                if self._is_connected and time.monotonic() - self._connected_at > LASTS_S:
                    pause, self._short = WAIT_S[0], 0
                self._turn(stop)
        finally:
            self._drain()
        if self._fatal:
            raise SourceRefused(self._fatal)

    def _connect(self, pause: float) -> float:
        """Try to connect; returns how long to wait before the next attempt."""
        try:
            self._client.reconnect()
        except (OSError, ValueError) as error:
            self._say("connecting", f"{self._config.host}:{self._config.port} does not answer: {_words(error)}")
        return min(WAIT_S[1], pause * 2)

    def _turn(self, stop: threading.Event) -> None:
        """Take what the broker has sent, and write when it is time."""
        if self._client.socket() is None:
            stop.wait(0.1)
        else:
            before = self._meter.messages
            self._client.loop(timeout=0.1)
            for _ in range(READS):
                if self._meter.messages == before or self._client.socket() is None or len(self._waiting) >= self._full:
                    break
                before = self._meter.messages
                self._client.loop_read()
        self._meter.queue_depth = len(self._waiting) + len(self._written)
        self._meter.oldest_waiting_at = (
            self._written[0].received_at if self._written else self._waiting[0].received_at if self._waiting else None
        )
        if self._is_due() and not self._flush() and self._is_full() and self._is_connected:
            log.info("%s: leaves the broker until there is room", self.name)
            self._client.disconnect()

    def _is_full(self) -> bool:
        return len(self._waiting) + len(self._written) >= self._config.receive_maximum

    def _is_due(self) -> bool:
        if self._written or self._writer.pending.gaps:
            return True
        if not self._waiting:
            if self._meter.state == "holding":
                self._writer.has_room()
            return False
        return len(self._waiting) >= self._full or now_us() - self._waiting[0].received_at >= self._writer.limits.batch_s * 1e6

    def _flush(self) -> bool:
        """Make what was received durable, then acknowledge it. False when it must be tried again."""
        if not self._written:
            if not self._writer.has_room():
                return False
            self._written, self._waiting = self._waiting, []
            for message in self._written:
                self._take(message)
            if self._written:
                self._writer.remember(received_at=self._written[-1].received_at)
        if not self._writer.write():
            return False
        self._acknowledge()
        return True

    def _take(self, message: Message) -> None:
        """Turn a message into readings, or into a dead letter: either way it is kept and will not come again."""
        if message.size > len(message.payload):
            self._bury(message, f"the payload has {message.size} bytes, {self._config.max_payload_bytes} are allowed")
            return
        try:
            topic = message.topic.decode()
            events, wrong = self._read.read(topic, message.payload, is_retained=message.is_retained, received_at=message.received_at)
        except UnicodeDecodeError:
            self._bury(message, "the topic is not UTF-8")
        except Poisoned as error:
            self._bury(message, str(error))
        except Exception as error:  # one message that we cannot read must not stop all that come after it
            log.exception("%s: a message could not be read", self.name)
            self._bury(message, f"cannot be read: {type(error).__name__}")
        else:
            for event in events:
                self._writer.add(event)
            if wrong:
                self._bury(message, wrong)

    def _bury(self, message: Message, reason: str) -> None:
        topic = message.topic.decode(errors="backslashreplace")
        self._writer.pending.dead.append(DeadLetter(topic, message.payload, message.size, reason, message.received_at))

    def _acknowledge(self) -> None:
        """Only on the connection that a message came on: after a new one its number may be another message's."""
        for message in self._written:
            if message.qos and message.generation == self._generation and self._is_connected:
                self._client.ack(message.mid, message.qos)
        self._written = []

    def _drain(self) -> None:
        self._is_taking = False
        for _ in range(2):  # a batch that waited for room, then what came meanwhile
            if self._waiting or self._written:
                self._flush()
        if self._waiting or self._written:
            log.warning("%s: leaves %d message(s) with the broker, there is no room", self.name, len(self._waiting) + len(self._written))
        deadline = time.monotonic() + 5
        while self._client.want_write() and self._client.socket() is not None and time.monotonic() < deadline:
            self._client.loop(timeout=0.05)
        self._client.disconnect()
        self._meter.queue_depth = 0

    def _on_connect(self, client: paho.Client, _data: Any, flags: paho.ConnectFlags, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._say("connecting", f"the broker refuses us: {reason}" + ("; look at the credentials" if reason.value in REFUSALS else ""))
            return
        self._generation += 1
        self._is_connected, self._connected_at = True, time.monotonic()
        self._meter.reconnects += self._generation > 1
        self._say("reading", "")
        log.info("%s: connected, the broker %s our session", self.name, "kept" if flags.session_present else "began")
        if not flags.session_present and self._writer.spool.state.get("had_session"):
            self._lost_session()
        client.subscribe(subscriptions(self._config))

    def _lost_session(self) -> None:
        """The broker forgot us (restarted without persistence, or the session expired): what it held for us is gone."""
        now = now_us()
        since = self._writer.spool.state.get("received_at") or now
        what = ",".join(topic.filter for topic in self._config.topics)
        gap = Gap(identity(self.name, "session", now), self.name, what, "", "", since, now, "session_lost", False, 0, now)
        self._writer.pending.gaps.append(gap)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        wanted = [topic.filter for topic in self._config.topics]
        refused = [topic for topic, reason in zip(wanted, reasons, strict=False) if reason.is_failure]
        weak = [topic for topic, reason in zip(wanted, reasons, strict=False) if reason.value == 0]
        if refused:
            self._say("reading", f"the broker refuses the subscription to {', '.join(refused)}: look at our rights there")
        elif weak:
            self._say("reading", f"the broker grants only QoS 0 for {', '.join(weak)}: a message may be lost")
        self._writer.remember(had_session=True, received_at=self._writer.spool.state.get("received_at") or now_us())
        self._writer.write()

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        was_connected, self._is_connected = self._is_connected, False
        quarrel = f"another client uses the id {self._config.client_id or 'eco-' + self.name}: give each ingester its own, or share"
        if reason.value == TAKEN_OVER:
            self._fatal = quarrel
        elif was_connected and self._is_taking and reason.is_failure:
            self._short += time.monotonic() - self._connected_at < LASTS_S
            # mosquitto 2.0.11 does not say that it closes a connection because somebody else came with our id.
            self._say(
                "connecting", f"the connection was lost: {reason}" + (f"; again and again: perhaps {quarrel}" if self._short > 2 else "")
            )

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._meter.messages += 1
        if not self._is_taking:
            return  # not acknowledged, so the broker keeps it
        if message.qos == 0 and len(self._waiting) >= 2 * self._config.receive_maximum:
            self._meter.dropped_qos0 += 1  # the broker keeps no QoS 0 message for us, and memory has an end
            return
        size = len(message.payload)
        payload = bytes(message.payload[: KEPT if size > self._config.max_payload_bytes else size])
        now = now_us()
        self._meter.last_received_at = now
        topic: bytes = message._topic  # `topic` cannot give one that is not UTF-8
        self._waiting.append(Message(self._generation, message.mid, message.qos, topic, payload, size, message.retain, now))

    def _say(self, state: str, problem: str) -> None:
        if problem and problem != self._meter.problem:
            log.warning("%s: %s", self.name, problem)
        if self._meter.state != "holding":
            self._meter.state, self._meter.problem = state, problem


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
