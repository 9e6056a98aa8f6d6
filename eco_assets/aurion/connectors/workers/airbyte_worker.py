"""Runs one command of an Airbyte source: a declarative manifest in the shared environment, or a Python source in its own.

Task: {"command": "check" | "discover" | "read", "config", "catalog", "state", "spec",
       "manifest": path of a manifest, or "script": name of the source's console script}
Messages are those of the Airbyte protocol. A failure is told as FAILED with a kind, which goes by the newest HTTP answer: Airbyte's own
messages often do not say whether trying again may help.
"""

# mypy: ignore-errors
# Its imports are those of another environment.

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import worker_io

ENDLESS = 10**9
errors: list[str] = []  # what the source told of its errors, for the words of the failure


def main() -> None:
    """Take the task and do it."""
    task = worker_io.start()
    arguments = [task["command"], "--config", _file(task["config"])]
    if task["command"] == "read":
        arguments += ["--catalog", _file(task["catalog"])]
        if task["state"]:
            arguments += ["--state", _file(task["state"])]
    try:
        if task.get("script"):
            _run_script(task["script"], arguments)
        else:
            _run_manifest(task, arguments)
    except SystemExit as error:
        if error.code:
            worker_io.fail("refused", f"the source ended with code {error.code}")
    except BaseException as error:  # noqa: BLE001 -- every failure must be told, with its kind
        worker_io.fail(_kind(error), _words(error))
    os._exit(0)  # threads of a source must not keep it alive


def _run_manifest(task: dict[str, Any], arguments: list[str]) -> None:
    import yaml
    from airbyte_cdk.entrypoint import AirbyteEntrypoint
    from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer
    from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

    _make_importable(Path(task["manifest"]).parent)
    manifest = yaml.safe_load(Path(task["manifest"]).read_text(encoding="utf-8"))
    manifest.setdefault("spec", {"type": "Spec", "connection_specification": task["spec"]})
    # One thread: a state then tells exactly the records before it. With more, records of other partitions run ahead of it.
    manifest["concurrency_level"] = {"type": "ConcurrencyLevel", "default_concurrency": 1}
    source = ConcurrentDeclarativeSource(
        catalog=ConfiguredAirbyteCatalogSerializer.load(task["catalog"]) if task.get("catalog") else None,
        config=task["config"],
        state=[AirbyteStateMessageSerializer.load(one) for one in task.get("state") or []],
        source_config=manifest,
    )
    # With one thread the maker of partitions would wait for itself at the pool's limit.
    source._concurrent_source._threadpool._max_concurrent_tasks = ENDLESS
    entrypoint = AirbyteEntrypoint(source)
    for line in entrypoint.run(entrypoint.parse_args(arguments)):
        _pass_on(line.encode())


def _make_importable(package: Path) -> None:
    """Let schemas and components of the source's package be found, without running its own code: that may need what is not here."""
    from importlib.util import module_from_spec, spec_from_file_location

    start = package / "__init__.py"
    if start.exists():
        spec = spec_from_file_location(package.name, start, submodule_search_locations=[str(package)])
        sys.modules[package.name] = module_from_spec(spec)


def _pass_on(line: bytes) -> None:
    worker_io.say_line(line)
    if b'"TRACE"' in line and b'"error"' in line:
        found = json.loads(line)["trace"].get("error") or {}
        if found:
            errors.append(" ".join(str(found[name]) for name in ("message", "internal_message") if found.get(name)))
        if found and worker_io.kind_of(RuntimeError()) == "unavailable":  # else every slice of every stream would be tried in vain
            worker_io.fail("unavailable", errors[-1])
    if b'"CONNECTION_STATUS"' in line and b'"FAILED"' in line:
        worker_io.fail(worker_io.kind_of(RuntimeError()), json.loads(line)["connectionStatus"].get("message") or "the check failed")


def _run_script(name: str, arguments: list[str]) -> None:
    from importlib.metadata import entry_points

    found = entry_points()
    scripts = found.select(group="console_scripts") if hasattr(found, "select") else found["console_scripts"]
    [script] = [one for one in scripts if one.name == name]
    sys.argv = [name, *arguments]
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(
        _Messages(), encoding="utf-8", write_through=True
    )  # some write to the one, some to the other
    script.load()()


class _Messages(io.RawIOBase):
    """Standard output of a Python source: whole lines go on as messages, what is none goes to standard error."""

    def __init__(self) -> None:
        self.held = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        *whole, self.held = (self.held + bytes(data)).split(b"\n")
        for line in whole:
            if line.startswith(b"{"):
                _pass_on(line)
            else:
                os.write(2, line + b"\n")
        return len(data)


def _kind(error: BaseException) -> str:
    told = str(getattr(getattr(error, "failure_type", None), "value", ""))
    kind = worker_io.kind_of(error)
    return "unavailable" if told == "transient_error" and kind != "refused" else kind


def _words(error: BaseException) -> str:
    parts = (*errors[-3:], getattr(error, "message", None), getattr(error, "internal_message", None))
    return " / ".join(str(part) for part in parts if part) or repr(error)


def _file(value: Any) -> str:
    """A path that gives the value as JSON, in memory: configurations hold secrets."""
    if not hasattr(os, "memfd_create"):
        worker_io.fail("refused", "Airbyte sources run on Linux only")
    descriptor = os.memfd_create("task")
    os.write(descriptor, json.dumps(value).encode())
    return f"/proc/self/fd/{descriptor}"


if __name__ == "__main__":
    main()
