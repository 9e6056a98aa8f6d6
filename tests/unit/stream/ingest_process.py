"""The ingester as a process of its own, to be killed: `python ingest_process.py JSON`.

`die` names the moment at which it kills itself with SIGKILL, on the `at`-th time: `received` (a batch is received, nothing is written),
`half_written` (the temporary file is there, its name is not), `written` (the file is durable, nothing is acknowledged or remembered),
`acknowledged` (after the acknowledgements).
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eco_assets.aurion.stream import ingester, spool, writer
from eco_assets.aurion.stream.connections import stream_connection
from eco_assets.aurion.stream.inbox import Limits
from eco_assets.aurion.stream.mqtt import MqttReader

Call = Callable[..., Any]


def dying(call: Call, at: int, *, before: bool, counts: Call = lambda *_, **__: True) -> Call:
    """The call, which kills its process before or after its `at`-th time that counts."""
    count = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += bool(counts(*args, **kwargs))
        if before and count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **kwargs)
        if not before and count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def prepare(die: str, at: int) -> None:
    if die == "received":
        writer.Writer._commit = dying(writer.Writer._commit, at, before=True)  # type: ignore[method-assign]
    elif die == "half_written":
        of_readings = lambda path, _: path.name.endswith(".parquet.tmp")  # noqa: E731
        Path.replace = dying(Path.replace, at, before=True, counts=of_readings)  # type: ignore[method-assign]
    elif die == "written":
        spool.Spool.commit = dying(spool.Spool.commit, at, before=False)  # type: ignore[method-assign]
    elif die == "acknowledged":
        MqttReader._acknowledge = dying(MqttReader._acknowledge, at, before=False)  # type: ignore[method-assign]


def main() -> int:
    given = json.loads(sys.argv[1])
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    if given.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (given["largest_file"], given["largest_file"]))
    prepare(given.get("die", ""), given.get("at", 1))
    ingester.BEAT_S = 0.2  # the tests read the heartbeat
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    connections = [stream_connection(name, kind, config) for name, kind, config in given["connections"]]
    limits = Limits(**given.get("limits", {}))
    return 0 if ingester.Ingester(connections, Path(given["inbox"]), Path(given["home"]), limits).run(stop) else 1


if __name__ == "__main__":
    sys.exit(main())
