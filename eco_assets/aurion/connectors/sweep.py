"""The sweep: what the registry says of a connector is what was run here. Not part of CI; it asks a package index and takes its time.

It takes only what `wanted.yaml` lists, one package after the other with a pause, fetches no version twice (evidence that is there is kept),
writes after each connector, so that it can be stopped and started at any time, and does a part with `shard` (several may run at once).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eco_assets.aurion.connectors import sweep_steps
from eco_assets.aurion.connectors.environments import Environments
from eco_assets.aurion.connectors.registry import FOLDER, Wanted, read_evidence, wanted
from eco_assets.errors import ConfigError, EcoError, TransientError

PAUSE_S = 1.0


@dataclass(frozen=True)
class Swept:
    """What became of one connector."""

    name: str
    level: int
    outcome: str


def sweep(
    runtimes: Path,
    *,
    shard: str = "1/1",
    only: str = "",
    again: bool = False,
    retry: bool = False,
    highest: int = 3,
    pause_s: float = PAUSE_S,
    folder: Path = FOLDER,
) -> Iterator[Swept]:
    """Bring the evidence up to date, connector by connector.

    Args:
        runtimes: folder for environments and packages.
        shard: `i/n` does every n-th connector from the i-th on.
        only: a runtime or a part of a name.
        again: also those whose evidence is of the pinned version already.
        retry: also those whose last step failed.
        highest: the level to try for; 4 runs the conformance tests named in `wanted.yaml`.
        pause_s: wait between two connectors that were asked for.
        folder: the registry.
    """
    first, _, count = shard.partition("/")
    if not (first.isdigit() and count.isdigit() and 1 <= int(first) <= int(count)):
        raise ConfigError(f"shard {shard!r} is not i/n, such as 1/4")
    chosen = [one for one in wanted(folder) if only in ("", one.runtime) or only in one.name]
    for number, one in enumerate(chosen[int(first) - 1 :: int(count)]):
        known = read_evidence(one.runtime, folder).get(one.name, {})
        if not again and known.get("requirement") == one.requirement and _is_tried(known, one, highest, retry):
            continue
        if number:
            time.sleep(pause_s)
        yield _swept(one, {} if again else known, Environments(runtimes), highest, folder)


def _is_tried(known: dict[str, Any], one: Wanted, highest: int, retry: bool) -> bool:
    tried = {evidence["level"] for evidence in known["evidence"]}
    failed = {evidence["level"] for evidence in known["evidence"] if not evidence["is_ok"]}
    if retry and failed:
        return False
    return bool(failed & {1, 2}) or all(level in tried or sweep_steps.left_out(one, known, level) for level in range(1, highest + 1))


def _swept(one: Wanted, known: dict[str, Any], environments: Environments, highest: int, folder: Path) -> Swept:
    found: dict[str, Any] = {"name": one.name, "requirement": one.requirement}
    if known.get("requirement") == one.requirement:
        found = {**known, "evidence": [evidence for evidence in known["evidence"] if evidence["is_ok"]]}
    found.setdefault("evidence", [])
    done = {evidence["level"] for evidence in found["evidence"]}
    for level, step in enumerate(sweep_steps.STEPS[one.runtime][:highest], start=1):
        if level in done or sweep_steps.left_out(one, found, level):
            continue
        try:
            ran, outcome = step(one, found, environments)
        except TransientError as error:
            return Swept(one.name, level - 1, f"not recorded, try again: {error}")
        except (EcoError, ValueError, LookupError, OSError) as error:
            found["evidence"].append(_evidence(level, is_ok=False, ran=sweep_steps.RAN[one.runtime][level - 1], outcome=_brief(error)))
            if level == 3 and one.proof and highest > 3:
                continue  # a made-up configuration proves little; the conformance tests have a real one
            break
        found["evidence"].append(_evidence(level, is_ok=True, ran=ran, outcome=outcome))
    write(one.runtime, found, folder)
    last = found["evidence"][-1]
    return Swept(one.name, last["level"] if last["is_ok"] else last["level"] - 1, last["outcome"])


def write(runtime: str, found: dict[str, Any], folder: Path = FOLDER) -> None:
    """Put one connector's findings into the registry, whoever else writes."""
    from filelock import FileLock

    path = folder / f"{runtime}.jsonl"
    with FileLock(Path(tempfile.gettempdir()) / f"eco-sweep-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}.lock"):
        held = {**read_evidence(runtime, folder), found["name"]: found}
        names = {one.name for one in wanted(folder)}
        lines = [json.dumps(held[name], ensure_ascii=False, sort_keys=True) for name in sorted(held) if name in names]
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        temporary.replace(path)


def _evidence(level: int, *, is_ok: bool, ran: str, outcome: str) -> dict[str, Any]:
    return {"level": level, "at": datetime.now(UTC).date().isoformat(), "is_ok": is_ok, "ran": ran, "outcome": outcome}


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


Step = Callable[[Wanted, dict[str, Any], Environments], tuple[str, str]]
