"""A reader to be killed: `python -m conformance.reader` takes its task as JSON on standard input, commits batch by batch, and says so.

It waits after each line, so that whoever kills it knows where: "got" (in hand, not committed), "committed", "done".
"""

from __future__ import annotations

import base64
import json
import pickle
import sys
import time
from pathlib import Path
from typing import Any

from conformance.store import Store
from conformance.subject import make


def main(task: dict[str, Any]) -> None:
    """Read the stream into the store from where it stands."""
    connector = make(task["factory"], task["arguments"])
    stream = pickle.loads(base64.b64decode(task["stream"]))  # noqa: S301 -- from the test that started this
    store = Store(Path(task["store"]), stream)
    for batch in connector.read(task["config"], [stream], store.state):
        _say("got", task["pause_s"])
        store.commit(batch)
        _say("committed", task["pause_s"])
    _say("done", 0)


def _say(word: str, pause_s: float) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()
    time.sleep(pause_s)


if __name__ == "__main__":
    main(json.load(sys.stdin))
