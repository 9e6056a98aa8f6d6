"""MQTT against a real broker: whatever is killed, cut or full, every reading is there, and once."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from stream_house import Broker, House, accepts, eventually, free_port

ALL = range(1_500)


def line(broker: Broker, **more: object) -> tuple[str, str, dict[str, object]]:
    return ("line", "mqtt", broker.config(receive_maximum=600, **more))


def test_what_is_sent_while_the_ingester_is_down_waits_at_the_broker(house: House, broker: Broker) -> None:
    broker.introduce()
    broker.send(ALL)
    process = house.start(line(broker))
    house.until_count(len(ALL))
    house.end(process)
    assert house.numbers() == list(ALL)
    assert house.gaps() == []


@pytest.mark.parametrize("moment", ["received", "half_written", "written", "acknowledged"])
def test_a_killed_ingester_loses_nothing_and_keeps_nothing_twice(house: House, broker: Broker, moment: str) -> None:
    broker.introduce()
    broker.send(ALL)
    house.died(house.start(line(broker), die=moment, at=3))
    assert len(house.numbers()) < len(ALL), "it died too late to prove anything"
    process = house.start(line(broker))
    house.until_count(len(ALL))
    house.end(process)
    assert house.numbers() == list(ALL), "the redelivered ones are known from the files that wait"
    assert not list(house.inbox.rglob("*.tmp"))


def test_readings_that_come_again_after_their_file_was_loaded_have_the_id_that_the_raw_table_knows(house: House, broker: Broker) -> None:
    broker.introduce()
    broker.send(ALL)
    house.died(house.start(line(broker), die="written", at=2))
    before = {event["event_id"] for event in house.events()}
    house.take()
    process = house.start(line(broker))
    eventually(lambda: len(before | {event["event_id"] for event in house.events()}) == len(ALL), "all are durable")
    house.end(process)
    assert before & {event["event_id"] for event in house.events()}, "nothing came twice: the kill proved nothing"


def test_an_ingester_that_starts_before_its_broker_waits_for_it(house: House, make_broker: Callable[..., Broker]) -> None:
    broker = make_broker()
    process = house.start(line(broker))
    eventually(lambda: "does not answer" in house.beat().get("problem", ""), "it says that the broker is down")
    broker.start()
    house.until_reading()
    broker.send(range(10))
    house.until_count(10)
    house.end(process)


def test_a_broker_that_restarts_between_messages_costs_nothing(house: House, broker: Broker) -> None:
    process = house.start(line(broker))
    house.until_reading()
    broker.send(range(500))
    broker.stop()
    broker.start()
    broker.send(range(500, 1_000))
    house.until_count(1_000)
    house.end(process)
    assert house.numbers() == list(range(1_000))
    assert house.gaps() == []
    assert house.beat()["reconnects"] >= 1


def test_a_broker_that_forgot_us_is_recorded_as_a_gap(house: House, make_broker: Callable[..., Broker]) -> None:
    broker = make_broker(is_persistent=False).start()
    process = house.start(line(broker))
    house.until_reading()
    broker.send(range(10))
    house.until_count(10)
    broker.stop()
    broker.start()
    gap = eventually(house.gaps, "the gap is recorded")[0]
    house.end(process)
    assert gap["reason"] == "session_lost" and not gap["is_filled"]
    assert gap["gap_from"] <= gap["gap_to"]


class Cable:
    """A TCP path to the broker that can be cut and mended."""

    def __init__(self, target: int) -> None:
        self.port, self._target = free_port(), target
        self._open: list[socket.socket] = []
        self._listener = self._listen()

    def _listen(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            end.close()

    def cut(self) -> None:
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open = []

    def mend(self) -> None:
        self._listener = self._listen()


@pytest.fixture
def cable(broker: Broker) -> Iterator[Cable]:
    laid = Cable(broker.port)
    yield laid
    laid.cut()


def test_a_network_that_is_cut_in_the_middle_of_the_stream_costs_nothing(house: House, broker: Broker, cable: Cable) -> None:
    name, kind, config = line(broker)
    process = house.start((name, kind, {**config, "port": cable.port}))
    house.until_reading()
    sender = threading.Thread(target=broker.send, args=(ALL,))
    sender.start()
    house.until_count(500)
    cable.cut()
    eventually(lambda: house.beat().get("problem"), "it notices")
    assert not accepts(cable.port)
    cable.mend()
    sender.join()
    house.until_count(len(ALL))
    house.end(process)
    assert house.numbers() == list(ALL)


def test_sigterm_writes_what_was_received_before_it_ends(house: House, broker: Broker) -> None:
    process = house.start(line(broker), limits={"batch_s": 60, "batch_rows": 100_000})
    house.until_reading()
    broker.send(range(100))
    eventually(lambda: house.beat().get("queue_depth") == 100, "all are received")
    assert house.numbers() == []
    house.end(process)
    assert house.numbers() == list(range(100))
    assert house.beat()["state"] == "stopped"
    again = house.start(line(broker))
    house.until_reading()
    broker.send(range(100, 110))
    house.until_count(110)
    house.end(again)
    assert house.numbers() == list(range(110)), "they were acknowledged: the broker did not send them again"
    assert house.beat()["duplicates"] == 0


def test_a_full_inbox_holds_the_broker_back_until_files_are_loaded(house: House, broker: Broker) -> None:
    process = house.start(line(broker), limits={"inbox_files": 2})
    house.until_reading()
    broker.send(ALL)
    beat = eventually(lambda: house.beat() if house.beat()["state"] == "holding" else None, "it says that it holds")
    assert "wait to be loaded" in beat["problem"] and beat["inbox"]["holding"]
    held = len(house.numbers())
    assert held < len(ALL), "the inbox was never full"
    eventually(lambda: house.beat()["queue_depth"] >= 300, "messages wait")
    assert house.beat()["queue_depth"] <= 600, "no more than receive_maximum wait here, the broker has the rest"
    assert len(house.numbers()) == held
    loaded: list[int] = []
    while len(loaded) < len(ALL):
        eventually(lambda: list(house.inbox.rglob("*.parquet")), "it goes on by itself")
        loaded += house.take()
    house.end(process)
    assert sorted(loaded) == list(ALL)


def test_a_disk_that_refuses_a_file_loses_nothing(house: House, broker: Broker) -> None:
    broker.introduce()
    broker.send(ALL)
    process = house.start(line(broker), largest_file=4_000)
    beat = eventually(lambda: house.beat() if house.beat().get("state") == "holding" else None, "it holds")
    assert "refuses to write" in beat["problem"]
    assert house.numbers() == []
    assert not list(house.inbox.rglob("*.tmp"))
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 0 and "leaves" in printed, printed
    healthy = house.start(line(broker))
    house.until_count(len(ALL))
    house.end(healthy)
    assert house.numbers() == list(ALL)
