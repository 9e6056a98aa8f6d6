"""Environments are made once, from exact pins, by one maker at a time, and never look ready before they are."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from made_wheels import make_wheel, only_these

from eco_assets.aurion.connectors import environments
from eco_assets.aurion.connectors.environments import Environments
from eco_assets.errors import ConfigError

PIN = "made-thing==1.0"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    only_these(monkeypatch, tmp_path / "wheels")
    make_wheel(tmp_path / "wheels", "made-thing", "1.0", {"made_thing.py": "ANSWER = 42\n"})
    return tmp_path / "wheels"


def test_an_environment_has_exactly_its_pins_and_nothing_of_ours(index: Path, tmp_path: Path) -> None:
    python = Environments(tmp_path / "runtimes").python("thing", [PIN])
    code = "import made_thing, importlib.util as u; print(made_thing.ANSWER, u.find_spec('duckdb'))"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["42", "None"]


def test_an_environment_is_made_once_and_anew_for_other_pins(index: Path, tmp_path: Path) -> None:
    made = Environments(tmp_path / "runtimes")
    first = made.python("thing", [PIN])
    (index / "made_thing-1.0-py3-none-any.whl").unlink()
    assert made.python("thing", ["# a comment", PIN, ""]) == first
    make_wheel(index, "made-thing", "2.0", {"made_thing.py": "ANSWER = 43\n"})
    assert made.python("thing", ["made-thing==2.0"]) != first
    assert first.exists()


def test_a_pin_that_does_not_exist_is_named(index: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="made-thing"):
        Environments(tmp_path / "runtimes").python("thing", ["made-thing==9.9"])
    assert not [path for path in (tmp_path / "runtimes").iterdir() if path.is_dir() and not path.name.endswith(".making")]


def test_a_wheel_whose_hash_differs_is_refused(index: Path, tmp_path: Path) -> None:
    made = Environments(tmp_path / "runtimes")
    with pytest.raises(ConfigError, match=r"[Hh]ash"):
        made.package(PIN, ["sha256:" + "0" * 64])
    assert (made.package(PIN) / "made_thing.py").exists()


def test_a_killed_set_up_is_done_again(index: Path, tmp_path: Path) -> None:
    root = tmp_path / "runtimes"
    code = f"""
        from pathlib import Path
        import time
        from eco_assets.aurion.connectors import environments
        real = environments._uv
        def slow(*arguments):
            made = real(*arguments)
            if arguments[0] == "venv":
                print("half made", flush=True)
                time.sleep(60)
            return made
        environments._uv = slow
        environments.Environments(Path({str(root)!r})).python("thing", [{PIN!r}])
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as maker:
        assert maker.stdout
        maker.stdout.readline()
        maker.kill()
    assert [path.suffix for path in root.iterdir() if path.is_dir()] == [".making"]
    assert Environments(root).python("thing", [PIN]).exists()


def test_two_makers_make_one(index: Path, tmp_path: Path) -> None:
    root = tmp_path / "runtimes"
    code = f"""
        from pathlib import Path
        from eco_assets.aurion.connectors.environments import Environments
        print(Environments(Path({str(root)!r})).python("thing", [{PIN!r}]))
    """
    makers = [subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {maker.communicate(timeout=60)[0] for maker in makers}
    assert [maker.returncode for maker in makers] == [0, 0]
    assert len(told) == 1


def test_an_index_that_does_not_answer_is_no_fault_of_the_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eco_assets.errors import SourceUnavailable

    monkeypatch.setattr(environments, "SETUP_S", 0.001)
    started = time.monotonic()
    with pytest.raises(SourceUnavailable, match="try again"):
        Environments(tmp_path / "runtimes").python("thing", [PIN])
    assert time.monotonic() - started < 30
