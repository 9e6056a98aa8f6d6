"""A foreign runtime's process: what it says, how its end is judged, and that it never stays behind."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from conformance.suite import adopt_orphans, children, settles

from eco_assets.aurion.connectors.child import WORKERS, Worker, messages
from eco_assets.aurion.connectors.scrub import Scrubber
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

HIDDEN = "a-secret-of-the-test"


def worker(tmp_path: Path, body: str, silence_s: float = 20) -> Worker:
    script = tmp_path / "its_worker.py"
    head = f"import sys, time, os, json\nsys.path.insert(0, {str(WORKERS)!r})\nimport worker_io\ntask = worker_io.start()\n"
    script.write_text(head + textwrap.dedent(body), encoding="utf-8")
    return Worker(Path(sys.executable), str(script), "a source", silence_s)


def said(worker: Worker, **task: Any) -> list[dict[str, Any]]:
    return list(messages(worker, task, Scrubber([HIDDEN])))


def test_messages_come_in_order_and_what_libraries_print_does_not_disturb_them(tmp_path: Path) -> None:
    body = """
        print("a library says hello")
        for number in range(3):
            worker_io.say({"type": "RECORD", "n": number + task["first"]})
        os.system("echo a program says hello")
    """
    assert [one["n"] for one in said(worker(tmp_path, body), first=5)] == [5, 6, 7]


def test_a_worker_that_dies_without_a_word_is_refused_with_the_end_of_its_error(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="the disk is purple"):
        said(worker(tmp_path, "raise SystemExit('the disk is purple')"))


def test_a_worker_that_is_killed_is_unavailable_and_what_it_said_before_stays(tmp_path: Path) -> None:
    reading = messages(worker(tmp_path, "worker_io.say({'type': 'A'}); os.kill(os.getpid(), 9)"), {}, Scrubber([]))
    assert next(reading) == {"type": "A"}
    with pytest.raises(SourceUnavailable, match="SIGKILL"):
        next(reading)


def test_a_worker_that_hangs_is_unavailable_and_gone(tmp_path: Path) -> None:
    before = children()
    with pytest.raises(SourceUnavailable, match=r"said nothing for 0\.5 s"):
        said(worker(tmp_path, "time.sleep(60)", silence_s=0.5))
    assert settles(lambda: children() <= before)


@pytest.mark.parametrize("garbage", ["Traceback (most recent call last):", '{"type": "RECO', "[1, 2]", '{"no": "type"}'])
def test_garbage_is_refused_and_shown_without_secrets(tmp_path: Path, garbage: str) -> None:
    with pytest.raises(SourceRefused, match="no message") as caught:
        said(worker(tmp_path, f"worker_io.say_line({f'{garbage} {HIDDEN}'.encode()!r})"))
    assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize(("kind", "error"), [("config", ConfigError), ("refused", SourceRefused), ("unavailable", SourceUnavailable)])
def test_a_failure_that_is_told_keeps_its_kind_and_loses_its_secrets(tmp_path: Path, kind: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"token \*\*\* is wrong") as caught:
        said(worker(tmp_path, f"worker_io.fail({kind!r}, 'token {HIDDEN} is wrong')"))
    assert HIDDEN not in str(caught.value)


def test_standard_error_is_logged_without_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said(worker(tmp_path, f"sys.stderr.write('calling with {HIDDEN} and QQ==')"))
    assert "calling with ***" in caplog.text
    assert HIDDEN not in caplog.text


def test_a_worker_sees_nothing_of_our_environment_and_its_task_is_in_no_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SECRET_KEY", HIDDEN)
    body = "worker_io.say({'type': 'SEEN', 'env': dict(os.environ), 'arguments': open('/proc/self/cmdline').read()})"
    [seen] = said(worker(tmp_path, body), config={"token": HIDDEN})
    assert HIDDEN not in json.dumps(seen)


def test_giving_up_kills_the_worker_and_its_children(tmp_path: Path) -> None:
    before = children()
    body = "import subprocess; subprocess.Popen(['sleep', '60']); worker_io.say({'type': 'A'}); time.sleep(60)"
    reading = messages(worker(tmp_path, body), {}, Scrubber([]))
    next(reading)
    assert len(children() - before) == 2
    reading.close()  # type: ignore[attr-defined]
    assert settles(lambda: children() <= before)


def test_a_worker_whose_reader_is_killed_ends_at_once(tmp_path: Path) -> None:
    hanging = worker(tmp_path, "worker_io.say({'type': 'A'}); time.sleep(60)")
    code = f"""
        import sys, time
        from pathlib import Path
        from eco_assets.aurion.connectors.child import Worker, messages
        from eco_assets.aurion.connectors.scrub import Scrubber
        reading = messages(Worker(Path(sys.executable), {hanging.script!r}, "a source", 60), {{}}, Scrubber([]))
        print(next(reading), flush=True)
        time.sleep(60)
    """
    adopt_orphans()
    before = children()
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as reader:
        assert reader.stdout
        reader.stdout.readline()
        assert len(children() - before) == 2
        os.kill(reader.pid, signal.SIGKILL)
    assert settles(lambda: children() <= before)


def test_a_slow_taker_is_not_taken_for_a_silent_worker(tmp_path: Path) -> None:
    reading = messages(worker(tmp_path, "for n in range(3): worker_io.say({'type': 'A'})", silence_s=2), {}, Scrubber([]))
    for _ in reading:
        time.sleep(0.8)
