"""A small factory that speaks both protocols, so that a newcomer sees rows arrive: the generated business's pumps, a reading a second.

`fabrica/<pump>/telemetria` on MQTT carries the first half of the pumps, OPC UA (`Fabrica/<pump>/<sensor>`, with history) the others.
The sessions are replayed from now on, without end. Without a mosquitto on this machine there is OPC UA only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from eco_assets.aurion.stream.connections import StreamConnection, stream_connection

log = logging.getLogger("eco.ingest")
TOPIC = "fabrica/{machine}/telemetria"
ROOT = "ns=2;s=Fabrica"
UNITS = {
    "Accelerometer1RMS": "g", "Accelerometer2RMS": "g", "Current": "A", "Pressure": "bar", "Temperature": "°C", "Thermocouple": "°C",
    "Voltage": "V", "Volume Flow RateRMS": "L/min",
}  # fmt: skip
Readings = list[dict[str, float]]


def pumps(seed: int = 7) -> dict[str, Readings]:
    """The sessions of the generated business, by the name of the pump: one reading a second of eight sensors."""
    from eco_assets.twin.machines import SENSORS, build
    from eco_assets.twin.plan import Plan

    tables, _ = build(Plan(seed, 120, date(2018, 5, 31), 1.0))
    found: dict[str, Readings] = {}
    for table in tables:
        if "/skab/" in table.path:
            name = "bomba-" + "-".join(table.path.removesuffix(".csv").split("/")[-2:]).removeprefix("valve")
            columns = [[float(str(value)) for value in table.columns[sensor]] for sensor in SENSORS]
            found[name] = [dict(zip(SENSORS, row, strict=True)) for row in zip(*columns, strict=True)]
    return found


def message(number: int, readings: dict[str, float]) -> bytes:
    """A telemetry message as the pumps send it."""
    return json.dumps({"seq": number, "ts": datetime.now(UTC).isoformat(), "value": readings}).encode()


def mqtt_config(port: int) -> dict[str, Any]:
    """How to read the factory's MQTT."""
    topic = {"topic": TOPIC, "timestamp": "ts", "id": "seq", "values": "*", "units": UNITS}
    return {"host": "127.0.0.1", "port": port, "topics": [topic]}


def opcua_config(port: int) -> dict[str, Any]:
    """How to read the factory's OPC UA server."""
    return {"url": f"opc.tcp://127.0.0.1:{port}/eco", "browse": ROOT, "sampling_interval_ms": 500, "expected_interval_ms": 2000}


@contextmanager
def factory(home: Path, period_s: float = 1.0) -> Iterator[list[StreamConnection]]:
    """Run the factory on loopback; gives the connections to read it with."""
    import asyncua  # noqa: F401 -- two threads that import it at once each see half of it

    everything = pumps()
    names = sorted(everything)
    half = len(names) // 2
    ports, stop = (_free_port(), _free_port()), threading.Event()
    parts = [
        threading.Thread(target=lambda: asyncio.run(serve(ports[1], {name: everything[name] for name in names[half:]}, stop, period_s)))
    ]
    connections = [stream_connection("demo-opcua", "opcua", opcua_config(ports[1]))]
    broker = _broker(home, ports[0])
    if broker is None:
        log.warning("demo: there is no mosquitto on this machine, so MQTT is left out; `apt-get install mosquitto` brings it")
    else:
        parts.append(threading.Thread(target=_publish, args=(ports[0], {name: everything[name] for name in names[:half]}, stop, period_s)))
        connections.append(stream_connection("demo-mqtt", "mqtt", mqtt_config(ports[0])))
    for part in parts:
        part.start()
    try:
        yield connections
    finally:
        stop.set()
        for part in parts:
            part.join()
        if broker is not None:
            broker.terminate()
            broker.wait()


async def serve(port: int, machines: dict[str, Readings], stop: threading.Event, period_s: float) -> None:
    """The factory's OPC UA server; every variable keeps its last hour."""
    from datetime import timedelta

    from asyncua.server.server import Server

    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/eco")
    index = await server.register_namespace("urn:eco:fabrica")
    root = await server.nodes.objects.add_object(f"ns={index};s=Fabrica", "Fabrica")
    nodes = []
    for name, readings in machines.items():
        machine = await root.add_object(f"ns={index};s=Fabrica/{name}", name)
        for sensor in readings[0]:
            node = await machine.add_variable(f"ns={index};s=Fabrica/{name}/{sensor}", sensor, readings[0][sensor])
            nodes.append((name, sensor, node))
    async with server:
        for _, _, node in nodes:
            await server.historize_node_data_change(node, timedelta(hours=1), 3_600)
        number = 0
        while not stop.is_set():
            for name, sensor, node in nodes:
                await node.write_value(machines[name][number % len(machines[name])][sensor])
            number += 1
            await asyncio.sleep(period_s)


def _publish(port: int, machines: dict[str, Readings], stop: threading.Event, period_s: float) -> None:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="eco-fabrica", protocol=paho.MQTTv5)
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    number = 0
    while not stop.wait(period_s):
        number += 1
        for name, readings in machines.items():
            client.publish(TOPIC.replace("{machine}", name), message(number, readings[number % len(readings)]), qos=1)
    client.disconnect()
    client.loop_stop()


def _broker(home: Path, port: int) -> subprocess.Popen[bytes] | None:
    """A mosquitto on loopback that keeps its sessions in `home`; None when there is none on this machine."""
    program = find_mosquitto()
    if program is None:
        return None
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type error\n", encoding="utf-8")
    # A session of its own: Ctrl-C ends the reader first, which then writes what it has.
    broker = subprocess.Popen([program, "-c", str(settings)], stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    return broker


def find_mosquitto() -> str | None:
    """The broker's program; Debian puts it where a user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
