"""OPC UA against a real server in a process of its own: what a subscription misses comes from the history, or is recorded as a gap."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from stream_house import House, eventually, free_port

PASSWORD = "s3nha"  # noqa: S105 -- of a server that lives as long as a test


class Server:
    """The server's process, which can be told what to write, killed, and stopped in its tracks."""

    def __init__(self, security: Path | None = None) -> None:
        self.port = free_port()
        self._arguments = [str(self.port), *([str(security)] if security else [])]
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("opcua_server.py")), *self._arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._answer("ready")

    def _answer(self, wanted: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == wanted, "the server ended"

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        self._answer("ok")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Sensor:
    """A variable of its own for each test, with a history unless told otherwise."""

    def __init__(self, server: Server, name: str, history: str = "history") -> None:
        self.server, self.name, self._history = server, name, history
        self.node = f"ns=2;s=Fabrica/m1/{name}"
        self.add()

    def add(self) -> None:
        self.server.tell("add", self.name, self._history)

    def tell(self, what: str, *numbers: int) -> None:
        self.server.tell(what, self.name, *numbers)

    def config(self, **more: Any) -> tuple[str, str, dict[str, Any]]:
        url = f"opc.tcp://127.0.0.1:{self.server.port}/eco"
        nodes = [{"node": self.node, "machine": "m1", "tag": "t", "unit": "bar"}]
        given = {"url": url, "nodes": nodes, "sampling_interval_ms": 10, "publishing_interval_ms": 100, "timeout_s": 3, **more}
        return ("line", "opcua", given)


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """One server for all tests that do not kill it: starting one takes a second of CPU."""
    opened = Server()
    yield opened
    opened.kill()


@pytest.fixture
def sensor(shared: Server, request: pytest.FixtureRequest) -> Sensor:
    return Sensor(shared, f"t{abs(hash(request.node.name))}")


@pytest.fixture
def forgetful(shared: Server, request: pytest.FixtureRequest) -> Sensor:
    return Sensor(shared, f"f{abs(hash(request.node.name))}", "nothing")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*arguments: Any) -> Server:
        made.append(Server(*arguments))
        return made[-1]

    yield make
    for server in made:
        server.kill()


def values(house: House) -> list[int]:
    return sorted(int(event["value"]) for event in house.events() if event["tag"] == "t" and event["value"])


def until_values(house: House, wanted: range) -> None:
    eventually(lambda: set(values(house)) >= set(wanted), f"{wanted} are durable")


def test_every_value_of_a_subscription_is_kept_once(house: House, sensor: Sensor) -> None:
    process = house.start(sensor.config())
    house.until_reading()
    sensor.tell("write", 1, 301)
    until_values(house, range(1, 301))
    house.end(process)
    assert values(house) == list(range(1, 301))
    event = next(event for event in house.events() if event["value"] == 7)
    assert (event["machine_id"], event["unit"], event["quality"], event["source"], event["topic"]) == (
        "m1",
        "bar",
        "good",
        "opcua",
        sensor.node,
    )
    assert not event["is_backfilled"] and house.gaps() == []


@pytest.mark.parametrize("moment", ["received", "half_written", "written"])
def test_a_killed_ingester_gets_the_rest_from_the_history_and_keeps_nothing_twice(house: House, sensor: Sensor, moment: str) -> None:
    process = house.start(sensor.config(), die=moment, at=3)
    house.until_reading()
    for first in range(1, 401, 100):
        sensor.tell("write", first, first + 100)
        time.sleep(0.4)
    house.died(process)
    assert len(values(house)) < 400, "it died too late to prove anything"
    sensor.tell("write", 401, 501)
    again = house.start(
        sensor.config(),
        limits={"batch_rows": 50},
    )
    until_values(house, range(1, 501))
    house.end(again)
    assert values(house) == list(range(1, 501))
    assert any(event["is_backfilled"] for event in house.events())
    eventually(house.gaps, "the gap is recorded")
    assert all(gap["is_filled"] and gap["reason"] == "restarted" and gap["rows_backfilled"] for gap in house.gaps())


def test_a_kill_in_the_middle_of_a_backfill_opens_the_gap_again(house: House, sensor: Sensor) -> None:
    process = house.start(sensor.config())
    house.until_reading()
    sensor.tell("write", 1, 11)
    until_values(house, range(1, 11))
    house.kill(process)
    sensor.tell("write", 11, 601)
    paged = sensor.config(history_page=100)
    dying = house.start(paged, die="written", at=3, limits={"batch_rows": 100})
    house.died(dying)
    sensor.tell("write", 601, 651)
    assert 10 < len(values(house)) < 600
    again = house.start(paged, limits={"batch_rows": 100})
    until_values(house, range(1, 651))
    house.end(again)
    assert values(house) == list(range(1, 651))


def test_without_a_history_the_time_that_was_missed_is_recorded(house: House, forgetful: Sensor) -> None:
    process = house.start(forgetful.config())
    house.until_reading()
    forgetful.tell("write", 1, 11)
    until_values(house, range(1, 11))
    house.end(process)
    forgetful.tell("write", 11, 21)
    again = house.start(forgetful.config())
    gap = eventually(house.gaps, "the gap is recorded")[0]
    house.end(again)
    assert values(house) == [*range(1, 11), 20]
    last, first = (next(event["measured_at"] for event in house.events() if event["value"] == value) for value in (10, 20))
    assert (gap["gap_from"], gap["gap_to"], gap["is_filled"], gap["node"]) == (last, first, False, forgetful.node)
    assert gap["reason"].startswith("restarted: ")


def test_a_restart_without_anything_missed_leaves_no_gap(house: House, forgetful: Sensor) -> None:
    for number in (1, 2):
        process = house.start(forgetful.config())
        house.until_reading()
        forgetful.tell("write", number, number + 1)
        until_values(house, range(1, number + 1))
        house.end(process)
    assert values(house) == [1, 2]
    assert house.gaps() == [], "the first reading after the restart is the last one before it"


@pytest.mark.parametrize(("command", "reason"), [("overflow", "queue_overflow"), ("lose", "notification_missing")])
def test_a_value_that_the_server_dropped_is_noticed_and_read_from_the_history(
    house: House, sensor: Sensor, command: str, reason: str
) -> None:
    process = house.start(sensor.config())
    house.until_reading()
    sensor.tell("write", 1, 6)
    until_values(house, range(1, 6))
    sensor.tell(command, 6)
    until_values(house, range(1, 8))
    gap = eventually(house.gaps, "the gap is recorded")[0]
    house.end(process)
    assert values(house) == list(range(1, 8))
    assert gap["reason"] == reason and gap["is_filled"] and gap["rows_backfilled"] == 1
    assert {int(event["value"]): event["is_backfilled"] for event in house.events() if event["value"] in (6, 7)} == {6: True, 7: False}


def test_readings_too_far_apart_are_a_gap_where_an_interval_is_expected(house: House, forgetful: Sensor) -> None:
    process = house.start(forgetful.config(expected_interval_ms=100))
    house.until_reading()
    forgetful.tell("write", 1, 3)
    until_values(house, range(1, 3))
    time.sleep(1)
    forgetful.tell("write", 3, 4)
    gaps = eventually(lambda: [gap for gap in house.gaps() if gap["reason"].startswith("readings_too_far_apart")], "the gap is recorded")
    house.end(process)
    assert not gaps[-1]["is_filled"] and gaps[-1]["gap_to"] - gaps[-1]["gap_from"] > timedelta(seconds=0.9)


def test_a_server_that_is_killed_and_comes_back_is_followed_again(house: House, serve: Callable[..., Server]) -> None:
    server = serve()
    sensor = Sensor(server, "t")
    process = house.start(sensor.config())
    house.until_reading()
    sensor.tell("write", 1, 11)
    until_values(house, range(1, 11))
    server.kill()
    eventually(lambda: house.beat()["state"] == "connecting", "it notices")
    server.start()
    sensor.add()
    eventually(lambda: house.beat()["state"] == "reading" and not house.beat()["problem"], "it follows again")
    sensor.tell("write", 11, 21)
    until_values(house, range(1, 21))
    house.end(process)
    assert values(house) == list(range(1, 21))
    assert house.beat()["reconnects"] >= 1


def test_a_server_that_stands_still_is_left_and_its_history_read_when_it_goes_on(house: House, sensor: Sensor) -> None:
    process = house.start(sensor.config(timeout_s=2))
    house.until_reading()
    sensor.tell("write", 1, 11)
    until_values(house, range(1, 11))
    sensor.server.process.send_signal(signal.SIGSTOP)
    beat = eventually(lambda: house.beat() if house.beat()["state"] == "connecting" else None, "it notices", 30)
    sensor.server.process.send_signal(signal.SIGCONT)
    sensor.tell("write", 11, 31)
    until_values(house, range(1, 31))
    house.end(process)
    assert beat["problem"]
    assert values(house) == list(range(1, 31))


def test_browsing_finds_machines_and_sensors_by_their_names(house: House, sensor: Sensor) -> None:
    sensor.tell("write", 5, 6)
    process = house.start(sensor.config(nodes=[], browse="ns=2;s=Fabrica"))
    house.until_reading()
    eventually(lambda: ("m1", sensor.name, 5.0) in {(e["machine_id"], e["tag"], e["value"]) for e in house.events()}, "it is durable")
    house.end(process)
    assert {event["machine_id"] for event in house.events()} == {"m1"}


def test_a_variable_that_does_not_exist_is_named_and_the_others_are_followed(house: House, sensor: Sensor) -> None:
    nodes = [{"node": node, "machine": "m1", "tag": tag} for node, tag in ((sensor.node, "t"), ("ns=2;s=Fabrica/m1/x", "x"))]
    process = house.start(sensor.config(nodes=nodes))
    house.until_reading()
    sensor.tell("write", 1, 3)
    until_values(house, range(1, 3))
    problem = house.beat()["problem"]
    house.end(process)
    assert "Fabrica/m1/x (BadNodeIdUnknown)" in problem


def test_without_room_it_leaves_the_server_and_the_history_gives_the_rest(house: House, sensor: Sensor) -> None:
    process = house.start(sensor.config(), limits={"inbox_files": 1})
    house.until_reading()
    sensor.tell("write", 1, 101)
    eventually(lambda: house.beat()["state"] == "holding", "it holds")
    held = values(house)
    sensor.tell("write", 101, 201)
    assert values(house) == held
    kept: list[int] = []
    while len(set(kept)) < 201:  # the first value of all is 0
        eventually(lambda: list(house.inbox.rglob("*.parquet")), "it goes on by itself")
        kept += house.take()
    house.end(process)
    assert sorted(kept) == list(range(201))


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    host = socket.gethostname()
    for name, uri, use in (
        ("server", "urn:freeopcua:python:server", ExtendedKeyUsageOID.SERVER_AUTH),
        ("client", "urn:eco:aurion-ingester", ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        made = setup_self_signed_certificate(tmp_path / f"{name}.pem", tmp_path / f"{name}.der", uri, host, [use], {"commonName": name})
        asyncio.run(made)
    assert isinstance(x509.load_der_x509_certificate((tmp_path / "server.der").read_bytes()), x509.Certificate)
    return tmp_path


def test_a_protected_channel_and_a_user_are_used_and_the_password_is_never_shown(
    house: House, serve: Callable[..., Server], certificates: Path
) -> None:
    sensor = Sensor(serve(certificates), "t")
    files = {name: str(certificates / file) for name, file in (("certificate_file", "client.der"), ("key_file", "client.pem"))}
    security = {**files, "server_certificate_file": str(certificates / "server.der")}
    wrong = ("wrong", *sensor.config(security=security, username="eco", password="errada-" + PASSWORD)[1:])
    refused = house.start(wrong)
    eventually(lambda: "User" in house.beat("wrong").get("problem", ""), "a wrong password is refused")
    assert PASSWORD not in house.end(refused)
    process = house.start(sensor.config(security=security, username="eco", password=PASSWORD))
    house.until_reading()
    sensor.tell("write", 1, 3)
    until_values(house, range(1, 3))
    printed = house.end(process)
    assert PASSWORD not in printed + "".join(path.read_text() for path in house.home.rglob("*.json"))
