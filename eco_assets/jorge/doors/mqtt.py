"""Commands to machines over MQTT 5, quality of service 1: at least once, with the key in it, so the machine acts once a key.

A command is done when the broker has taken it and, where `ack_topic` is set, the machine has answered `{"key", "status", "why"}`. A
command that nobody takes in time expires at the broker: a stop that arrives an hour late would be an accident.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, ClassVar

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Began, Form, Message, Unreached, withdrawal
from eco_assets.jorge.doors.masking import shown
from eco_assets.jorge.doors.options import Mqtt

TOPIC = "eco/{subject}/commands"
NO_LISTENER = 0x10
_NOT_NOW = (0x88, 0x89, 0x97, 0x9F)  # server unavailable, busy, quota, connection rate
_DROPPED = ("values", "undo_template", "undo_command", "undo_value")


class MqttDoor:
    """One broker."""

    kind: ClassVar[str] = "mqtt"
    is_idempotent: ClassVar[bool] = True

    def __init__(self, options: Mqtt) -> None:
        self._options = options

    def send(self, key: str, message: Message, began: Began) -> str:
        """See `Door.send`."""
        return self._command(key, message, payload_of(key, message), began)

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """The command that undoes, or the word that the first one is withdrawn."""
        return self._command(withdrawal(key), message, payload_of(key, message, is_withdrawal=True), began)

    def check(self) -> str:
        """Connect and say nothing."""
        with self._connected(_Talk("")):
            return f"{self._options.host}:{self._options.port} answers"

    def _command(self, key: str, message: Message, payload: bytes, began: Began) -> str:
        topic = _filled(self._options.topic, message)
        answers = _filled(self._options.ack_topic, message)
        talk = _Talk(key)
        with self._connected(talk) as client:
            deadline = monotonic() + self._options.timeout_s
            if answers:
                client.subscribe(answers, qos=1)
                if not talk.subscribed.wait(max(deadline - monotonic(), 0.1)):
                    raise Unreached(f"the broker did not confirm that we listen to {answers}")
            began()
            client.publish(topic, payload, qos=1, properties=self._properties(key))
            if not talk.published.wait(max(deadline - monotonic(), 0.1)):
                raise DoorUnavailable(f"the broker did not confirm the command on {topic} in {self._options.timeout_s:g} s")
            self._taken(talk.code, topic)
            if answers:
                self._answered(talk, answers, max(deadline - monotonic(), 0.1))
        return f"{topic}: {'confirmed by the machine' if answers else 'taken by the broker'}"

    def _taken(self, code: int, topic: str) -> None:
        if code == NO_LISTENER and self._options.needs_listener:
            raise Unreached(f"no machine listens to {topic}")
        if code in _NOT_NOW:
            raise Unreached(f"the broker does not take a command on {topic} now: reason {code:#04x}")
        if code >= 0x80:
            raise ActionRefused(f"the broker refuses a command on {topic}: reason {code:#04x}")

    def _answered(self, talk: _Talk, answers: str, seconds: float) -> None:
        if not talk.answered.wait(seconds):
            raise DoorUnavailable(f"the machine did not answer on {answers} in time")
        if talk.answer.get("status") != "ok":
            raise ActionRefused(f"the machine refuses: {shown(str(talk.answer.get('why', talk.answer.get('status'))))}")

    def _properties(self, key: str) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = self._options.expires_s
        properties.ContentType = "application/json"
        properties.UserProperty = [("idempotency-key", key)]
        return properties

    @contextmanager
    def _connected(self, talk: _Talk) -> Iterator[Any]:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        options = self._options
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"eco-{uuid.uuid4().hex[:16]}", protocol=paho.MQTTv5)
        client.connect_timeout = options.timeout_s
        if options.user:
            client.username_pw_set(options.user, options.password.get_secret_value())
        if options.tls:
            client.tls_set()
        talk.listen(client)
        try:
            client.connect(options.host, options.port, keepalive=30)
        except (OSError, ValueError) as error:
            raise Unreached(f"the broker {options.host}:{options.port} does not answer: {error}") from error
        client.loop_start()
        try:
            if not talk.connected.wait(options.timeout_s):
                raise Unreached(f"the broker {options.host}:{options.port} does not say that we are connected")
            if talk.code >= 0x80:
                late = talk.code in _NOT_NOW
                raise (Unreached if late else ActionRefused)(
                    f"the broker {'cannot take' if late else 'refuses'} us: reason {talk.code:#04x}"
                )
            yield client
        finally:
            client.disconnect()
            client.loop_stop()


class _Talk:
    """What a broker and a machine said during one call."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.connected, self.subscribed, self.published, self.answered = (threading.Event() for _ in range(4))
        self.code = 0
        self.answer: dict[str, Any] = {}

    def listen(self, client: Any) -> None:
        """Hear what comes."""

        def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            self.code = reason.value
            self.connected.set()

        def on_publish(_client: Any, _data: Any, _number: int, reason: Any, _properties: Any) -> None:
            self.code = reason.value
            self.published.set()

        def on_message(_client: Any, _data: Any, arrived: Any) -> None:
            try:
                said = json.loads(arrived.payload)
            except ValueError:
                return
            if isinstance(said, dict) and said.get("key") == self._key:
                self.answer = said
                self.answered.set()

        client.on_connect, client.on_publish, client.on_message = on_connect, on_publish, on_message
        client.on_subscribe = lambda *_: self.subscribed.set()


def payload_of(key: str, message: Message, *, is_withdrawal: bool = False) -> bytes:
    """The command as the machine gets it."""
    own = {name: value for name, value in message.items() if name not in _DROPPED}
    if is_withdrawal:
        undo = str(message.get("undo_command") or (message.get("command") if message.get("undo_value") is not None else "") or "withdraw")
        own |= {"command": undo, "value": message.get("undo_value"), "withdraws": key}
    own["key"] = withdrawal(key) if is_withdrawal else key
    return json.dumps(own, ensure_ascii=False, sort_keys=True, default=str).encode()


def form(key: str, message: Message, *, is_withdrawal: bool = False) -> Form:
    """The command with the topic that it would go to."""
    payload = json.loads(payload_of(key, message, is_withdrawal=is_withdrawal))
    return Form({"topic": _filled(TOPIC, message), "qos": 1, "payload": payload})


def _filled(topic: str, message: Message) -> str:
    """A topic with the message's fields in it; a field cannot widen it to another topic."""
    safe = {name: _level(value) for name, value in message.items() if isinstance(value, (str, int))}
    try:
        return topic.format_map(safe)
    except (KeyError, ValueError, IndexError) as error:
        raise ActionRefused(f"topic {topic!r}: {error} is no field of this command") from error


def _level(value: object) -> str:
    return "".join("_" if sign in "/+#\0 " else sign for sign in str(value))
