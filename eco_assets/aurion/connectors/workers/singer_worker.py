"""Runs one command of a tap of the Singer SDK in its own environment.

Task: {"command": "check" | "discover" | "read", "script": name of the tap's console script, "config", "catalog", "state"}
Messages: {"type": "CHECKED"}, {"type": "CATALOG", "catalog"}; for read those of Singer.
"""

# mypy: ignore-errors
# Its imports are those of another environment.

from __future__ import annotations

import io
import os
import sys
from typing import Any

import worker_io


def main() -> None:
    """Take the task and do it."""
    task = worker_io.start()
    try:
        _do(task)
    except BaseException as error:  # noqa: BLE001 -- every failure must be told, with its kind
        kind = "config" if type(error).__name__ == "ConfigValidationError" else worker_io.kind_of(error)
        worker_io.fail(kind, f"{type(error).__name__}: {error}")
    os._exit(0)


def _do(task: dict[str, Any]) -> None:
    kind = _tap_class(task["script"])
    state = task.get("state") or None
    tap = kind(config=task["config"], catalog=task.get("catalog"), state=state, parse_env_config=False, validate_config=True)
    if task["command"] == "check":
        if not tap.run_connection_test():
            worker_io.fail(worker_io.kind_of(RuntimeError()), "the connection test of the tap failed")
        worker_io.say({"type": "CHECKED"})
    elif task["command"] == "discover":
        worker_io.say({"type": "CATALOG", "catalog": tap.catalog_dict})
    else:
        sys.stdout = io.TextIOWrapper(_Messages(), encoding="utf-8", write_through=True)
        tap.sync_all()
        sys.stdout.flush()


def _tap_class(script: str) -> Any:
    """The class behind `tap-x = package.tap:TapX.cli`; importing it by name avoids the command line and its files."""
    from importlib import import_module
    from importlib.metadata import entry_points

    from singer_sdk import Tap

    found = entry_points()
    scripts = found.select(group="console_scripts") if hasattr(found, "select") else found["console_scripts"]
    [chosen] = [one for one in scripts if one.name == script]
    module_name, _, path = chosen.value.partition(":")
    module = import_module(module_name)
    named = getattr(module, path.split(".")[0], None)
    if isinstance(named, type) and issubclass(named, Tap):
        return named
    own = module_name.split(".")[0]
    classes = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Tap)]
    taps = [one for one in classes if one.__module__.startswith(own)]
    if len(taps) != 1:
        raise LookupError(f"{chosen.value} names no tap of the Singer SDK")
    return taps[0]


class _Messages(io.RawIOBase):
    """Standard output of the tap: whole lines go on as messages."""

    def __init__(self) -> None:
        self.held = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        *whole, self.held = (self.held + bytes(data)).split(b"\n")
        for line in whole:
            if line.strip():
                worker_io.say_line(line)
        return len(data)


if __name__ == "__main__":
    main()
