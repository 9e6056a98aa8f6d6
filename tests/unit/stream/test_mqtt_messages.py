"""What a broker may send or refuse: poison, retained messages, bad topics, wrong credentials, another client with our id."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from stream_house import TOPIC, Broker, House, eventually, reading

SECRET = "s3nha-muito-secreta"  # noqa: S105 -- of a broker that lives as long as a test


def line(broker: Broker, **more: object) -> tuple[str, str, dict[str, object]]:
    return ("line", "mqtt", broker.config(**more))


def test_poisoned_messages_become_dead_letters_with_their_reason_and_block_nothing(house: House, broker: Broker) -> None:
    process = house.start(line(broker, max_payload_bytes=2_000))
    house.until_reading()
    topic, good = reading(1)
    poison = [b"{", b'{"seq": 2, "ts": "2026-01-01", "tag": "t", "v": NaN}', b'{"seq": 3, "tag": "t", "v": 1}', b"\xff\xfe", b"x" * 50_000]
    broker.publish([*((topic, payload) for payload in poison), ("fabrica/outra/coisa", good), (topic, good)])
    house.until_count(1)
    eventually(lambda: len(house.dead()) == 5, "five are dead letters")
    house.end(process)
    reasons = " | ".join(letter["reason"] for letter in house.dead())
    for words in ("not JSON", "NaN", "ts is missing", "not UTF-8", "50000 bytes, 2000 are allowed"):
        assert words in reasons
    largest = next(letter for letter in house.dead() if letter["size"] == 50_000)
    assert len(largest["payload"]) < 2_000
    again = house.start(line(broker))
    house.until_reading()
    broker.publish([reading(2)])
    house.until_count(2)
    house.end(again)
    assert len(house.dead()) == 5, "they were acknowledged"
    assert house.numbers() == [1, 2]


def test_a_retained_message_is_flagged_and_a_live_one_is_not(house: House, broker: Broker) -> None:
    broker.publish([reading(1)], is_retained=True)
    process = house.start(line(broker))
    house.until_reading()
    house.until_count(1)
    broker.publish([reading(2)], is_retained=True)
    house.until_count(2)
    house.end(process)
    assert {int(event["value"]): event["is_retained"] for event in house.events()} == {1: True, 2: False}


def test_a_topic_that_is_not_utf8_is_a_dead_letter_and_is_acknowledged(house: House) -> None:
    with OddBroker(b"fabrica/m\xff1/telemetria", reading(1)[1]) as odd:
        process = house.start(("line", "mqtt", {"host": "127.0.0.1", "port": odd.port, "topics": [TOPIC]}))
        eventually(odd.acknowledged.is_set, "the message is acknowledged")
        (letter,) = house.dead()
        house.end(process)
    assert letter["reason"] == "the topic is not UTF-8" and "\\xff" in letter["topic"]


class OddBroker:
    """Sends one message, with a topic that no honest broker would let pass if need be, and after its acknowledgement a farewell."""

    def __init__(self, topic: str | bytes, payload: bytes, farewell: bytes = b"") -> None:
        name = topic.encode() if isinstance(topic, str) else topic
        self._farewell = farewell
        body = len(name).to_bytes(2, "big") + name + b"\x00\x07" + b"\x00" + payload  # topic, packet id 7, no properties
        self._publish = b"\x32" + _length(len(body)) + body
        self.acknowledged = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> OddBroker:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        link, _ = self._listener.accept()
        with link, link.makefile("rb") as stream:
            while head := stream.read(1):
                size = shift = 0
                while True:
                    digit = stream.read(1)[0]
                    size |= (digit & 127) << shift
                    shift += 7
                    if not digit & 128:
                        break
                body = stream.read(size)
                if head[0] == 0x10:  # CONNECT
                    link.sendall(b"\x20\x03\x00\x00\x00")
                elif head[0] == 0x82:  # SUBSCRIBE: grant QoS 1
                    link.sendall(b"\x90\x04" + body[:2] + b"\x00\x01" + self._publish)
                elif head[0] == 0x40 and body[:2] == b"\x00\x07":  # PUBACK of packet 7
                    self.acknowledged.set()
                    link.sendall(self._farewell)


def _length(size: int) -> bytes:
    digits = b""
    while True:
        digits += bytes([size % 128 | (128 if size > 127 else 0)])
        size //= 128
        if not size:
            return digits


def test_a_second_ingester_of_a_connection_refuses_to_start(house: House, broker: Broker) -> None:
    first = house.start(line(broker))
    house.until_reading()
    second = house.start(line(broker))
    _, printed = second.communicate(timeout=20)
    assert second.returncode == 1 and "another ingester reads the connection line" in printed
    broker.send(range(3))
    house.until_count(3)
    assert house.beat()["pid"] == first.pid, "the second one wrote over the heartbeat of the first"
    house.end(first)


def test_two_ingesters_that_take_the_session_from_each_other_say_so(house: House, broker: Broker, elsewhere: House) -> None:
    first = house.start(line(broker, client_id="same"))
    house.until_reading()
    second = elsewhere.start(line(broker, client_id="same"))
    eventually(lambda: "another client uses the id same" in house.beat()["problem"] + elsewhere.beat().get("problem", ""), "one says so")
    house.end(first)
    elsewhere.end(second)


def test_a_session_that_was_taken_over_ends_the_connection_for_good(house: House) -> None:
    with OddBroker(*reading(1), farewell=b"\xe0\x02\x8e\x00") as odd:  # DISCONNECT, session taken over
        process = house.start(("line", "mqtt", {"host": "127.0.0.1", "port": odd.port, "topics": [TOPIC]}))
        _, printed = process.communicate(timeout=20)
    assert process.returncode == 1 and "another client uses the id eco-line" in printed
    assert house.beat()["state"] == "failed"
    assert house.numbers() == [1]


def test_two_that_share_topics_read_every_message_once(house: House, broker: Broker) -> None:
    shared = [(name, "mqtt", broker.config(share_group="eco", namespace="fabrica")) for name in ("a", "b")]
    process = house.start(*shared)
    for name in ("a", "b"):
        house.until_reading(name)
    broker.send(range(400))
    house.until_count(400)
    house.end(process)
    assert house.numbers() == list(range(400))
    assert {event["connection"] for event in house.events()} == {"a", "b"}


@pytest.fixture
def guarded(make_broker: Callable[..., Broker], tmp_path: Path) -> Broker:
    users, rights = tmp_path / "users", tmp_path / "rights"
    users.write_text("")
    for name in ("eco", "poor"):
        subprocess.run(["mosquitto_passwd", "-b", str(users), name, SECRET], check=True, capture_output=True)
    rights.write_text("user eco\ntopic readwrite fabrica/#\n")
    return make_broker(listener=f"allow_anonymous false\npassword_file {users}\nacl_file {rights}").start()


def test_credentials_let_us_in_and_never_reach_a_log_or_a_file(house: House, guarded: Broker) -> None:
    process = house.start(line(guarded, username="eco", password=SECRET))
    house.until_reading()
    guarded.publish([reading(1)], username="eco", password=SECRET)
    house.until_count(1)
    printed = house.end(process)
    written = b"".join(path.read_bytes() for path in house.home.parent.rglob("*") if path.is_file() and "broker" not in str(path))
    assert SECRET not in printed and SECRET.encode() not in written


def test_wrong_credentials_are_said_in_the_heartbeat_without_the_password(house: House, guarded: Broker) -> None:
    process = house.start(line(guarded, username="eco", password="wrong-" + SECRET))
    eventually(lambda: "look at the credentials" in house.beat().get("problem", ""), "it says so")
    assert SECRET not in house.end(process)


@pytest.fixture
def encrypted(make_broker: Callable[..., Broker], tmp_path: Path) -> tuple[Broker, Path]:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        *subject,
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return make_broker(listener=f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}").start(), certificate


def test_tls_is_held_against_the_authority_that_is_configured(house: House, encrypted: tuple[Broker, Path]) -> None:
    broker, certificate = encrypted
    strange = house.start(("strange", "mqtt", broker.config(tls=True)))
    eventually(
        lambda: "CERTIFICATE_VERIFY_FAILED" in str(house.beat("strange")).upper().replace(" ", "_"), "an unknown authority is refused"
    )
    house.end(strange)
    process = house.start(line(broker, tls=True, ca_file=str(certificate)))
    house.until_reading()
    house.end(process)
