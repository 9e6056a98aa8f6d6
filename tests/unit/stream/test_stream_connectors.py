"""MQTT and OPC UA as connectors: what they need, whether we are let in, and a bounded read that resumes without loss."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stream_house import Broker, accepts, eventually, free_port

from eco_assets.aurion.connectors.protocol import Batch, Connector, State
from eco_assets.aurion.stream.connectors import MqttConnector, OpcuaConnector
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

MQTT: Connector = MqttConnector()
OPCUA: Connector = OpcuaConnector()


def values(batches: list[Batch]) -> list[int]:
    return sorted(int(value) for batch in batches for value in batch.rows["value"].to_pylist())


def merged(batches: list[Batch]) -> State:
    return {name: state for batch in batches for name, state in batch.state.items()}


@pytest.mark.parametrize("connector", [MQTT, OPCUA], ids=["mqtt", "opcua"])
def test_the_specification_is_a_json_schema_whose_secrets_are_marked(connector: Connector) -> None:
    spec = connector.spec()
    assert spec.schema["type"] == "object" and spec.secrets == {"password"}


def test_a_configuration_without_topics_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="topics"):
        MQTT.check({"host": "127.0.0.1", "topics": []})


def test_nobody_who_listens_is_unavailable_and_not_refused() -> None:
    config = {"host": "127.0.0.1", "port": free_port(), "topics": [{"topic": "{machine}/{tag}", "timestamp": "ts"}]}
    with pytest.raises(SourceUnavailable):
        MQTT.check(config)
    with pytest.raises(SourceUnavailable):
        OPCUA.check({"url": f"opc.tcp://127.0.0.1:{free_port()}", "browse": "i=85", "timeout_s": 1})


def test_a_broker_that_we_may_use_passes_and_one_that_refuses_us_is_named(broker: Broker, make_broker: Callable[..., Broker]) -> None:
    MQTT.check(broker.config())
    closed = make_broker(listener="allow_anonymous false").start()
    with pytest.raises(SourceRefused, match="does not let us in"):
        MQTT.check(closed.config())


def test_topics_that_were_retained_are_found(broker: Broker) -> None:
    broker.publish([("fabrica/m1/telemetria", b"{}"), ("outra/coisa", b"{}")], is_retained=True)
    config = broker.config(topics=[{"topic": "{machine}/#", "tag": "t", "timestamp": "ts"}])
    assert MqttConnector().topics(config, 0.5) == {"fabrica/m1/telemetria": 1, "outra/coisa": 1}


def test_a_bounded_read_acknowledges_only_what_came_back_in_the_state(broker: Broker) -> None:
    config = broker.config(idle_s=0.6)
    streams = MQTT.discover(config)
    assert values(list(MQTT.read(config, streams, {}))) == []  # the broker knows us now
    broker.send(range(20))
    lost = list(MQTT.read(config, streams, {}))
    assert values(lost) == list(range(20))
    kept = list(MQTT.read(config, streams, {}))
    assert values(kept) == list(range(20)), "its state was never committed, so all of it came again"
    broker.send(range(20, 25))
    more = list(MQTT.read(config, streams, merged(kept)))
    assert values(more) == list(range(20, 25))
    assert values(list(MQTT.read(config, streams, merged(more)))) == []


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[dict[str, Any], Callable[..., None]]]:
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("opcua_server.py")), str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def tell(*words: object) -> None:
        assert process.stdin and process.stdout
        process.stdin.write(" ".join(map(str, words)) + "\n")
        process.stdin.flush()
        process.stdout.readline()

    eventually(lambda: accepts(port), "the server listens", 30)
    assert process.stdout and process.stdout.readline()
    tell("add", "t", "history")
    yield {"url": f"opc.tcp://127.0.0.1:{port}/eco", "browse": "ns=2;s=Fabrica", "history_page": 3}, tell
    process.kill()
    process.communicate()


def test_a_server_is_browsed_and_its_history_read_from_where_the_state_ends(server: tuple[dict[str, Any], Callable[..., None]]) -> None:
    config, tell = server
    assert [(variable.machine, variable.tag) for variable in OpcuaConnector().variables(config)] == [("m1", "t")]
    streams = OPCUA.discover(config)
    tell("write", "t", 1, 11)
    first = list(OPCUA.read(config, streams, {}))
    assert [value for value in values(first) if value] == list(range(1, 11))
    tell("write", "t", 11, 16)
    second = list(OPCUA.read(config, streams, merged(first)))
    assert values(second) == list(range(11, 16))
    assert values(list(OPCUA.read(config, streams, merged(second)))) == []


def test_a_variable_that_does_not_exist_refuses_the_check(server: tuple[dict[str, Any], Callable[..., None]]) -> None:
    config, _ = server
    with pytest.raises(SourceRefused, match="BadNodeIdUnknown"):
        OPCUA.check({"url": config["url"], "nodes": [{"node": "ns=2;s=nada", "machine": "m", "tag": "t"}]})
