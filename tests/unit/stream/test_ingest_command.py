"""`eco ingest` as people start it: the small factory, the configured connections, and what status says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from stream_house import TOPIC, Broker, eventually, reading

COMMAND = [sys.executable, "-c", "from eco_assets.commands.ingest import app; app()"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ECO_", "DAGSTER_"))}
    data = tmp_path / "data"
    data.mkdir()
    return {**kept, "ECO_HOME": str(tmp_path / "home"), "ECO_DATA": str(data)}


def status(environment: dict[str, str]) -> tuple[int, dict[str, Any]]:
    done = subprocess.run([*COMMAND, "status", "--json"], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 0, printed
    return printed


def test_the_small_factory_fills_the_inbox_by_both_protocols(environment: dict[str, str], mosquitto: str) -> None:
    process = subprocess.Popen([*COMMAND, "--demo", "--batch-seconds", "1"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        inbox = Path(environment["ECO_HOME"]) / "inbox" / "industrial" / "machine_events"
        for name in ("demo-mqtt", "demo-opcua"):
            eventually(lambda name=name: list(inbox.glob(f"{name}-*.parquet")), f"{name} wrote a file", 60)
        code, beats = status(environment)
        assert code == 0 and {beat["state"] for beat in beats.values()} == {"reading"}
        end(process)
    finally:
        process.kill()
        process.communicate()
    code, beats = status(environment)
    assert code == 1 and {beat["state"] for beat in beats.values()} == {"stopped"}


def test_a_configured_connection_takes_its_secret_from_the_environment(environment: dict[str, str], broker: Broker) -> None:
    folder = Path(environment["ECO_HOME"]) / "connections" / "linha-1"
    folder.mkdir(parents=True)
    config = {"host": "127.0.0.1", "port": broker.port, "username": "eco", "password": "${MQTT_PASSWORD}", "topics": [TOPIC]}
    streams = {"machine_events": {"entity": "machine_events"}}
    document = {"name": "linha-1", "connector": "mqtt", "domain": "industrial", "config": config, "streams": streams}
    (folder / "connection.yaml").write_text(yaml.safe_dump(document))
    refused = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "MQTT_PASSWORD is not set" in refused.stderr
    process = subprocess.Popen(
        [*COMMAND, "--connection", "linha-1", "--batch-seconds", "0.3"],
        env={**environment, "MQTT_PASSWORD": "s3nha-oculta"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: status(environment)[1].get("linha-1", {}).get("state") == "reading", "it reads", 30)
        broker.publish([reading(1)])
        inbox = Path(environment["ECO_HOME"]) / "inbox"
        eventually(lambda: list(inbox.rglob("linha-1-*.parquet")), "a file is there")
        assert "s3nha-oculta" not in end(process)
    finally:
        process.kill()
        process.communicate()


def test_without_a_connection_it_says_what_to_do(environment: dict[str, str]) -> None:
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "eco ingest --demo" in done.stderr.replace("\n", " ")
