"""A resident worker as a process of its own, on a catalogue whose steps append to a file: `python resident_house.py URL FOLDER VERSION`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

from eco_assets.jorge.worker import work
from eco_assets.jorge.workflow import Act, Order, Step, Workflow, catalogue
from eco_assets.jorge.world import World


def noted(folder: Path, name: str, pause_s: float = 0.0) -> Act:
    """Append `name key pid` to the folder's log, after a pause."""

    def act(world: World, order: Order) -> str:
        import os

        time.sleep(pause_s)
        with (folder / "log").open("a", encoding="utf-8") as log:
            log.write(f"{name} {order.key} {os.getpid()}\n")
        return name

    return act


def workflows(folder: Path, version: int) -> dict[str, Workflow]:
    """Version 1 does a, b, c; version 2 does a, x and still knows version 1."""
    a, b, c = (Step(name, noted(folder, name, 0.15), noted(folder, f"un{name}")) for name in "abc")
    first = Workflow("varejo.demo", "Demo", "A demo.", (a, b, c))
    if version == 1:
        return catalogue([first])
    return catalogue([Workflow("varejo.demo", "Demo", "A demo.", (a, Step("x", noted(folder, "x"))), version=2, earlier=(first,))])


if __name__ == "__main__":
    url, folder, version = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    target: str | Path = url if url.startswith("postgresql") else Path(url)
    work(target, workflows(folder, version), World(folder / "outbox", folder / "bookings.db"), stop)
