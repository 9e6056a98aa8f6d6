"""The suites. Inherit those that apply and define the fixture `subject`; every test here can fail and none skips.

Reading       everything that every connector must do: spec, check, discover, read, empty, drift, kill, secrets
Incremental   a stream with a cursor: resume from any batch, late updates, nothing read for nothing
Credentials   wrong ones are refused for good and never shown
Unreachable   nobody at the address is a transient error
Storms        429 with Retry-After and 5xx are ridden out; `EndlessStorm`: one that does not end is transient
Deletes       a stream that tells deletes
"""

from __future__ import annotations

import base64
import ctypes
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from conformance.store import Store
from conformance.subject import FIRST_MOMENT, SECRET, WRONG_SECRET, Subject, comparable, rows_from
from eco_assets.aurion.connectors.protocol import Batch, State, Stream
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

LATER = FIRST_MOMENT + timedelta(days=90)  # after every row of `rows_from(1, many)`


def read(subject: Subject, state: State | None = None) -> list[Batch]:
    """All batches of the stream from `state` on."""
    connector = subject.connector()
    return list(connector.read(subject.config(), [subject.found(connector)], state or {}))


def load(subject: Subject, path: Path) -> Store:
    """One reading from where the store stands, committed batch by batch."""
    connector = subject.connector()
    stream = subject.found(connector)
    store = Store(path, stream)
    for batch in connector.read(subject.config(), [stream], store.state):
        store.commit(batch)
    return store


class Reading:
    """What every connector must do."""

    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        raise NotImplementedError("define the fixture `subject`")

    @pytest.fixture(autouse=True)
    def silence(
        self, subject: Subject, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> Iterator[None]:
        """After every test: no secret in a log or an output, whatever the test did."""
        caplog.set_level(logging.DEBUG)
        yield
        heard = "".join((*capfd.readouterr(), *(record.getMessage() + str(record.exc_text) for record in caplog.get_records("call"))))
        assert SECRET not in heard and WRONG_SECRET not in heard, "a secret was logged or printed"

    def test_the_specification_is_a_json_schema_that_marks_secrets(self, subject: Subject) -> None:
        spec = subject.connector().spec()
        assert spec.schema["type"] == "object"
        Draft7Validator.check_schema(dict(spec.schema))
        Draft7Validator(dict(spec.schema)).validate(subject.config())
        holders = set(_names_of(subject.config(), SECRET))
        assert holders <= spec.secrets, f"{holders - spec.secrets} hold a secret and are not marked writeOnly"
        assert bool(holders) == subject.has_secret

    def test_an_incomplete_configuration_is_named(self, subject: Subject) -> None:
        connector = subject.connector()
        for name in connector.spec().schema.get("required", []):
            config = {key: value for key, value in subject.config().items() if key != name}
            with pytest.raises(ConfigError, match=name):
                connector.check(config)

    def test_check_lets_a_good_configuration_pass(self, subject: Subject) -> None:
        subject.put(rows_from(1, 4))
        subject.connector().check(subject.config())

    def test_discover_names_streams_once_and_keys_exist(self, subject: Subject) -> None:
        subject.put(rows_from(1, 4))
        streams = subject.connector().discover(subject.config())
        assert [name for name, times in Counter(stream.name for stream in streams).items() if times > 1] == []
        for stream in streams:
            missing = {*stream.key, *([stream.cursor] if stream.cursor else [])} - set(stream.schema.names)
            assert not missing, f"{stream.name}: {missing} is a key or cursor and no column"
        [found] = [stream for stream in streams if stream.name == subject.stream]
        assert (found.key, found.cursor) == (subject.key, subject.cursor)

    def test_reading_gives_exactly_the_rows_of_the_source(self, subject: Subject) -> None:
        subject.put(rows_from(1, subject.many))
        batches = read(subject)
        assert Counter(comparable(row) for batch in batches for row in batch.rows.to_pylist()) == subject.expected()
        assert len([batch for batch in batches if batch.rows.num_rows]) >= subject.batches

    def test_an_empty_source_is_no_error(self, subject: Subject) -> None:
        subject.connector().check(subject.config())
        batches = read(subject)
        assert sum(batch.rows.num_rows for batch in batches) == 0

    def test_state_is_json_and_holds_no_secret(self, subject: Subject) -> None:
        subject.put(rows_from(1, subject.many))
        for batch in read(subject):
            told = json.dumps([batch.state, batch.origin, batch.cursor_from, batch.cursor_to, dict(batch.metadata)])
            assert SECRET not in told
            assert json.loads(json.dumps(batch.state)) == batch.state

    def test_a_column_that_appears_loses_no_row(self, subject: Subject, tmp_path: Path) -> None:
        subject.put(rows_from(1, subject.many))
        connector = subject.connector()
        store = Store(tmp_path / "store.db", known := subject.found(connector))
        for batch in connector.read(subject.config(), [known], {}):
            store.commit(batch)
        subject.widen()
        subject.put([{**row, "channel": "app"} for row in rows_from(501, 6, LATER)])
        for batch in connector.read(subject.config(), [known], store.state):  # the stream as it was known before the change
            store.commit(batch)
        assert store.compared() == subject.expected()

    def test_a_new_column_arrives_with_its_values(self, subject: Subject) -> None:
        subject.put(rows_from(1, 4))
        subject.widen()
        subject.put([{**row, "channel": "app"} for row in rows_from(501, 6, LATER)])
        subject.found(subject.connector(), again=True)
        rows = [row for batch in read(subject) for row in batch.rows.to_pylist()]
        assert Counter(row.get("channel") for row in rows if int(row["id"]) > 500) == {"app": 6}

    def test_a_reader_that_is_killed_loses_nothing(self, subject: Subject, tmp_path: Path) -> None:
        subject.put(rows_from(1, subject.many))
        store = tmp_path / "store.db"
        # Rows in hand; a batch committed; the next in hand; further. A connector of one batch ends at the third try, one of none at once.
        kills = [not read_and_kill(subject, store, after_line=line) for line in (1, 2, 3, 4)]
        assert kills[0], "the reader ended before it could be killed"
        assert read_and_kill(subject, store, after_line=1_000_000)
        assert Store(store, subject.found(subject.connector())).compared() == subject.expected()

    def test_a_reading_that_is_given_up_leaves_no_process(self, subject: Subject) -> None:
        subject.put(rows_from(1, subject.many))
        connector = subject.connector()
        before = children()
        reading = iter(connector.read(subject.config(), [subject.found(connector)], {}))
        next(reading)
        reading.close()  # type: ignore[attr-defined]
        assert settles(lambda: children() <= before), "giving up left a process behind"


class Incremental(Reading):
    """A stream with a cursor."""

    def test_reading_goes_on_from_the_state_of_any_batch(self, subject: Subject) -> None:
        subject.put(rows_from(1, subject.many))
        batches = read(subject)
        for cut in sorted({0, 1, len(batches) // 2, len(batches) - 1} & set(range(len(batches)))):
            taken = [comparable(row) for batch in batches[: cut + 1] for row in batch.rows.to_pylist()]
            rest = read(subject, json.loads(json.dumps(batches[cut].state)))
            gone_on = [comparable(row) for batch in rest for row in batch.rows.to_pylist()]
            assert set(taken) | set(gone_on) == set(subject.expected()), f"after batch {cut} rows were lost"
            again = Counter(taken) & Counter(gone_on)
            assert _may_come_again(subject, again, taken), f"after batch {cut} rows came twice: {sorted(again)[:3]}"

    def test_a_second_reading_brings_nothing_old(self, subject: Subject, tmp_path: Path) -> None:
        subject.put(rows_from(1, subject.many))
        store = load(subject, tmp_path / "store.db")
        batches = read(subject, store.state)
        old = Counter(comparable(row) for batch in batches for row in batch.rows.to_pylist())
        assert _may_come_again(subject, old, list(subject.expected()))

    def test_new_rows_and_a_late_update_are_read_by_the_next_reading(self, subject: Subject, tmp_path: Path) -> None:
        subject.put(rows_from(1, subject.many))
        load(subject, tmp_path / "store.db")
        late = {**rows_from(3, 1)[0], "name": "changed late", "updated_at": LATER}
        subject.put([late, *rows_from(501, 5, LATER)])  # type: ignore[list-item]
        assert load(subject, tmp_path / "store.db").compared() == subject.expected()

    def test_a_source_that_fills_up_after_an_empty_reading_is_read_whole(self, subject: Subject, tmp_path: Path) -> None:
        load(subject, tmp_path / "store.db")
        subject.put(rows_from(1, subject.many))
        assert load(subject, tmp_path / "store.db").compared() == subject.expected()


class Credentials(Reading):
    """Wrong ones."""

    def test_wrong_credentials_are_refused_and_not_shown(self, subject: Subject) -> None:
        subject.put(rows_from(1, 4))
        stream = subject.found(subject.connector())
        with refused(SourceRefused):
            subject.connector().check(subject.wrong_config())
        with refused(SourceRefused):
            list(subject.connector().read(subject.wrong_config(), [stream], {}))


class Unreachable(Reading):
    """Nobody there."""

    def test_a_source_that_does_not_answer_is_unavailable(self, subject: Subject) -> None:
        stream = Stream(subject.stream, subject.found(subject.connector()).schema, subject.key, subject.cursor)
        with refused(SourceUnavailable):
            subject.connector().check(subject.unreachable_config())
        with refused(SourceUnavailable):
            list(subject.connector().read(subject.unreachable_config(), [stream], {}))


class Storms(Reading):
    """A source that asks us to wait, or stumbles."""

    @pytest.mark.parametrize(("status", "retry_after_s"), [(429, 1.0), (503, None), (500, None)])
    def test_a_storm_is_ridden_out(self, subject: Subject, status: int, retry_after_s: float | None) -> None:
        subject.put(rows_from(1, subject.many))
        connector = subject.connector()
        stream = subject.found(connector)
        subject.storm(status, 2, retry_after_s)
        got = [row for batch in connector.read(subject.config(), [stream], {}) for row in batch.rows.to_pylist()]
        assert Counter(comparable(row) for row in got) == subject.expected()


class EndlessStorm(Reading):
    """A source that does not recover within the bounds of the configuration."""

    def test_a_storm_without_end_is_unavailable(self, subject: Subject) -> None:
        subject.put(rows_from(1, 4))
        connector = subject.connector()
        stream = subject.found(connector)
        subject.storm(503, 1_000_000)
        with refused(SourceUnavailable):
            list(connector.read(subject.config(), [stream], {}))


class Deletes(Incremental):
    """A stream with `tells_deletes`."""

    def test_a_deleted_row_is_told(self, subject: Subject, tmp_path: Path) -> None:
        subject.put(rows_from(1, subject.many))
        assert subject.found(subject.connector()).tells_deletes
        load(subject, tmp_path / "store.db")
        subject.remove([2, 5])
        assert load(subject, tmp_path / "store.db").compared() == subject.expected()


@contextmanager
def refused(kind: type[Exception]) -> Iterator[None]:
    """The block raises exactly this kind of error, and no secret is in its message or in those behind it."""
    with pytest.raises(kind) as caught:
        yield
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told and WRONG_SECRET not in told, "a secret is in the error, or in one behind it"
    assert str(caught.value).strip()


def read_and_kill(subject: Subject, store: Path, after_line: int) -> bool:
    """Run the reader and kill -9 it after a line of its output; whether it came to its end before."""
    task = {
        "factory": subject.factory,
        "arguments": subject.arguments,
        "config": subject.config(),
        "stream": base64.b64encode(pickle.dumps(subject.found(subject.connector()))).decode(),
        "store": str(store),
        "pause_s": 0.15,
    }
    adopt_orphans()
    before = children()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-m", "conformance.reader"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as run:
        assert run.stdin and run.stdout
        run.stdin.write(json.dumps(task))
        run.stdin.close()
        for number, line in enumerate(run.stdout, start=1):
            if line.strip() == "done":
                break
            if number == after_line:
                run.send_signal(signal.SIGKILL)
                break
        code = run.wait(timeout=60)
    assert code in (0, -signal.SIGKILL), f"the reader ended with {code}, see its standard error"
    assert settles(lambda: children() <= before), f"processes outlived the reader: {children() - before}"
    return code == 0


def adopt_orphans() -> None:
    """Become the parent of processes below us whose own parent is killed, so that `children` sees them (Linux)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def settles(is_so: Callable[[], bool], within_s: float = 10) -> bool:
    """Whether it becomes so; a killed process takes a moment to go."""
    until = time.monotonic() + within_s
    while not is_so() and time.monotonic() < until:
        time.sleep(0.05)
    return is_so()


def children() -> set[int]:
    """Processes below this one, at any depth (Linux)."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            parents[int(folder.name)] = int(fields[1])
    below: set[int] = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return below - {os.getpid()}


def _may_come_again(subject: Subject, again: Counter[tuple[Any, ...]], taken: list[tuple[Any, ...]]) -> bool:
    """Nothing may, unless the cursor is inclusive: then rows at its newest moment."""
    if not again:
        return True
    return subject.is_inclusive and all(row[-1] == max(one[-1] for one in taken) for row in again)


def _names_of(config: Any, value: str) -> Iterator[str]:
    """Names of the properties whose text holds `value`, at any depth."""
    for name, found in config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ():
        if isinstance(found, str) and value in found:
            yield str(name)
        yield from _names_of(found, value)
