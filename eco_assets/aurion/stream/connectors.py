"""MQTT and OPC UA as connectors of the registry: specification, check, discovery, and a bounded read.

The resident ingester is the way to follow machines. `read` is for a look, and for sources that are visited now and then.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from eco_assets.aurion.connectors.protocol import Batch, Config, Spec, State, Stream
from eco_assets.aurion.stream.broker import REFUSALS, connect_client, subscriptions
from eco_assets.aurion.stream.config import MqttConfig, OpcuaConfig, parse
from eco_assets.aurion.stream.events import Event, event_schema, moment, now_us, table
from eco_assets.aurion.stream.nodes import NoHistory, Variable, event_of, history, open_client, variables
from eco_assets.aurion.stream.payloads import Poisoned, Reader
from eco_assets.errors import SourceRefused, SourceUnavailable

STREAM = "machine_events"
WINDOW = 1_000  # messages of one bounded read of MQTT: their ids are the state that the next read acknowledges them by
_ANSWER_S = 10.0


def _stream() -> Stream:
    return Stream(STREAM, event_schema(), key=("event_id",), cursor="received_at")


class MqttConnector:
    """An MQTT 5 broker."""

    def spec(self) -> Spec:
        """The configuration that it takes."""
        return Spec(MqttConfig.model_json_schema(), "docs/industrial-iot.md")

    def check(self, config: Config) -> None:
        """Connect and subscribe with a session that ends at once; raises as the protocol says."""
        with _Visit(parse(MqttConfig, config), is_lasting=False):
            pass

    def discover(self, config: Config) -> Sequence[Stream]:
        """The one stream, of all topics. What is sent on them is `topics`'s to say."""
        self.check(config)
        return [_stream()]

    def topics(self, config: Config, seconds: float) -> dict[str, int]:
        """The topics on which something was sent in these seconds, retained messages included, with their number of messages."""
        found: dict[str, int] = {}
        with _Visit(parse(MqttConfig, config), is_lasting=False) as visit:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for message in visit.take():
                    name = message._topic.decode(errors="backslashreplace")
                    found[name] = found.get(name, 0) + 1
                    visit.client.ack(message.mid, message.qos)
        return found

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        """What the broker holds for us, until it is silent for `idle_s` or a window is full.

        Nothing is acknowledged before it is in a state that came back to us: the broker sends it again to the next read, which finds
        its ids in the state, and only then acknowledges it. A message that cannot be read is acknowledged and named in the metadata.
        """
        parsed = parse(MqttConfig, config)
        reader, delivered = Reader("read", parsed), set(state.get(STREAM, {}).get("delivered", ()))
        events: dict[str, Event] = {}
        dead: list[str] = []
        with _Visit(parsed, is_lasting=True) as visit:
            silent_at, count = time.monotonic() + parsed.idle_s, 0
            while time.monotonic() < silent_at and count < WINDOW:
                for message in visit.take():
                    silent_at = time.monotonic() + parsed.idle_s
                    try:
                        found, wrong = reader.read(
                            message._topic.decode(errors="backslashreplace"),
                            message.payload,
                            is_retained=message.retain,
                            received_at=now_us(),
                        )
                    except Poisoned as error:
                        found, wrong = [], str(error)
                    if wrong:
                        dead.append(wrong)
                    if all(event.event_id in delivered for event in found):
                        visit.client.ack(message.mid, message.qos)
                        continue
                    count += 1
                    events.update((event.event_id, event) for event in found if event.event_id not in delivered)
            rows = list(events.values())
            yield Batch(
                STREAM, table(rows, event_schema()), {STREAM: {"delivered": sorted(events)}}, f"{parsed.host}: {count} messages",
                metadata={"dead_letters": dead},
            )  # fmt: skip


class _Visit:
    """A connection that is opened, subscribed and closed again. Raises `SourceRefused` or `SourceUnavailable`."""

    def __init__(self, config: MqttConfig, *, is_lasting: bool) -> None:
        if not is_lasting:
            config = config.model_copy(update={"session_expiry_s": 0, "client_id": f"eco-visit-{now_us():x}"})
        self._config = config
        self._answer: Any = None
        self._granted: list[Any] | None = None
        self._messages: list[Any] = []
        self.client = connect_client(config, f"{config.client_id or 'eco'}{'-read' if is_lasting else ''}", 2 * WINDOW)
        self.client.on_connect = lambda client, data, flags, reason, properties: self._connected(reason)
        self.client.on_subscribe = lambda client, data, mid, reasons, properties: setattr(self, "_granted", reasons)
        self.client.on_message = lambda client, data, message: self._messages.append(message)

    def _connected(self, reason: Any) -> None:
        self._answer = reason
        if not reason.is_failure:
            self.client.subscribe(subscriptions(self._config))

    def __enter__(self) -> _Visit:
        where = f"{self._config.host}:{self._config.port}"
        try:
            self.client.reconnect()
        except (OSError, ValueError) as error:
            raise SourceUnavailable(f"{where} does not answer: {error}") from error
        deadline = time.monotonic() + _ANSWER_S
        while self._granted is None and time.monotonic() < deadline and self.client.socket() is not None:
            self.client.loop(timeout=0.1)
        if self._answer is not None and self._answer.is_failure:
            refused = SourceRefused if self._answer.value in REFUSALS else SourceUnavailable
            raise refused(f"{where} does not let us in: {self._answer}")
        if self._granted is None:
            raise SourceUnavailable(f"{where} does not answer as an MQTT 5 broker")
        for topic, reason in zip(self._config.topics, self._granted, strict=False):
            if reason.is_failure:
                raise SourceRefused(f"{where} refuses the subscription to {topic.filter}: {reason}")
        return self

    def take(self) -> list[Any]:
        """Messages that came since the last call; waits a moment for one. Raises `SourceUnavailable` when the connection is lost."""
        if self.client.socket() is None:
            raise SourceUnavailable(f"{self._config.host}:{self._config.port} closed the connection")
        self.client.loop(timeout=0.1)
        found, self._messages = self._messages, []
        return found

    def __exit__(self, *_: object) -> None:
        while self.client.want_write() and self.client.socket() is not None:
            self.client.loop(timeout=0.05)
        self.client.disconnect()


class OpcuaConnector:
    """An OPC UA server."""

    def spec(self) -> Spec:
        """The configuration that it takes."""
        return Spec(OpcuaConfig.model_json_schema(), "docs/industrial-iot.md")

    def check(self, config: Config) -> None:
        """Open a session and find the variables; raises as the protocol says."""
        self.variables(config)

    def discover(self, config: Config) -> Sequence[Stream]:
        """The one stream, of all variables."""
        self.check(config)
        return [_stream()]

    def variables(self, config: Config) -> list[Variable]:
        """The variables that the configuration follows. Raises `SourceRefused` when there is none, or one does not exist."""
        parsed = parse(OpcuaConfig, config)

        async def look() -> list[Variable]:
            async with open_client(parsed) as client:
                found = await variables(client, parsed)
                for variable in found:
                    await client.get_node(variable.node).read_data_value()
                return found

        found: list[Variable] = _run(look(), parsed.url)
        if not found:
            raise SourceRefused(f"{parsed.url}: there is no variable below {parsed.browse}")
        return found

    def read(self, config: Config, streams: Sequence[Stream], state: State) -> Iterator[Batch]:
        """What the history holds since the state, one variable a batch; of a variable without history, its reading of now."""
        parsed = parse(OpcuaConfig, config)
        positions: dict[str, int] = dict(state.get(STREAM, {}).get("positions", {}))
        for variable in self.variables(config):
            since = positions.get(variable.node)
            events = _run(_since(parsed, variable, since), parsed.url)
            fresh = {event.event_id: event for event in events if since is None or event.measured_at > since}
            if fresh:
                positions[variable.node] = max(event.measured_at for event in fresh.values())
            rows = table(list(fresh.values()), event_schema())
            yield Batch(STREAM, rows, {STREAM: {"positions": dict(positions)}}, f"{parsed.url} {variable.node}")


async def _since(config: OpcuaConfig, variable: Variable, since: int | None) -> list[Event]:
    async with open_client(config) as client:
        now = await client.get_node(variable.node).read_data_value(raise_on_bad_status=False)
        values = [now]
        try:
            pages = history(client, variable, moment(since or 0), moment(now_us() + 86_400_000_000), config.history_page)
            values = [value async for page in pages for value in page] + values
        except NoHistory:
            pass
        return [event_of("read", config, variable, value, now_us(), is_backfilled=value is not now) for value in values]


def _run(work: Any, where: str) -> Any:
    """Run it to its end in a thread of its own, so that a caller with an event loop may call; errors as the protocol says."""
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["found"] = asyncio.run(work)
        except Exception as error:  # noqa: BLE001 -- it is raised again below, in the caller's thread
            outcome["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    error = outcome.get("error")
    if error is None:
        return outcome["found"]
    name = type(error).__name__
    if name.startswith("Bad") and not any(word in name for word in ("Timeout", "Closed", "Shutdown", "TooMany", "Communication")):
        raise SourceRefused(f"{where}: {name}") from error
    if isinstance(error, FileNotFoundError):
        raise SourceRefused(f"{where}: {error.filename} does not exist") from error
    raise SourceUnavailable(f"{where} does not answer: {error or name}") from error
