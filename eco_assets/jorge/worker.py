"""A resident worker: serves the queues of its agents until it is told to stop, and takes over what dead workers left.

On Postgres any number of workers share the work. Each says every few seconds that it is alive, for the first time before it takes
anything; who finds orders of one that is not alive recovers them. Fencing is the database's: the dead one, were it to come back,
could record nothing more for them. On SQLite there is one worker, and the file's lock is the proof that no other lives.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from eco_assets.errors import DoorUnavailable
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.enqueueing import APPLICATION_VERSION
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.workflow import Workflow
from eco_assets.jorge.world import World

BEAT_S = 3.0
GRACE_S = 30
_LOG = logging.getLogger(__name__)


def work(
    target: Path | str,
    workflows: Mapping[str, Workflow],
    world: World,
    stop: threading.Event,
    *,
    agents: Iterable[str] | None = None,
    home: Path | None = None,
    is_once: bool = False,
    pause_s: float = 0.0,
) -> int:
    """Serve until `stop` is set, or, with `is_once`, until nothing waits any more. What runs then is finished first.

    Args:
        target: the SQLite file, or a Postgres URL.
        workflows: the catalogue.
        world: the doors.
        stop: set it to drain and end.
        agents: whose queues; all by default.
        home: folder whose `queues.yaml` changes the queues.
        is_once: end when the queues are empty.
        pause_s: seconds to wait before each step; for crash drills.

    Returns:
        How many orders of dead workers were taken over.

    Raises:
        DoorUnavailable: as `open_engine`.
    """
    served = sorted(set(agents) if agents is not None else {each.agent for each in workflows.values()})
    name, taken = f"{uuid.uuid4().hex}", 0
    worker = name if not isinstance(target, Path) else None
    with _resident(target), open_engine(target, workflows, world, pause_s=pause_s, home=home, agents=served, worker=worker) as engine:
        while True:
            engine.store.beat(worker or "embedded", served, APPLICATION_VERSION)
            taken += take_over(engine)
            if is_once and _is_idle(engine, served):
                return taken
            if stop.wait(0.2 if is_once else BEAT_S):
                engine.grace_s = GRACE_S  # takes nothing new and waits for what runs; what is cut off goes on with the next worker
                return taken


def is_served(target: Path | str) -> bool:
    """Whether resident workers carry orders out, so that whoever queues some need not: always on Postgres, by a lock on SQLite."""
    if not isinstance(target, Path):
        return True
    if not target.exists():
        return False
    lock = FileLock(_mark(target))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


@contextmanager
def _resident(target: Path | str) -> Iterator[None]:
    if not isinstance(target, Path):
        yield
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(_mark(target), timeout=0):
            yield
    except Timeout:
        raise DoorUnavailable(f"another resident worker serves {target}; one is enough on SQLite, use ECO_JORGE_URL for more") from None


def _mark(target: Path) -> Path:
    return target.with_suffix(".resident.lock")


def take_over(engine: Engine) -> int:
    """Recover the orders of workers that are not alive; returns how many. One worker at a time does it; on SQLite there is no other."""
    import sqlalchemy as sa
    from dbos import DBOS

    database = engine.store.database
    if database.dialect.name != "postgresql":
        return 0
    query = (
        "SELECT DISTINCT executor_id FROM dbos.workflow_status WHERE status = 'PENDING' AND application_version = :version "
        "AND executor_id NOT IN (SELECT id FROM jorge_workers WHERE beat > extract(epoch FROM now()) - :alive)"
    )
    with database.begin() as db:
        if not db.execute(sa.text("SELECT pg_try_advisory_xact_lock(4242003)")).scalar():
            return 0
        dead = [row[0] for row in db.execute(sa.text(query), {"version": APPLICATION_VERSION, "alive": _alive_s()})]
        if not dead:
            return 0
        handles = DBOS._recover_pending_workflows(dead)
    _LOG.warning("took over %d orders of %d dead workers", len(handles), len(dead))
    return len(handles)


def _alive_s() -> float:
    from eco_assets.jorge.store import ALIVE_S

    return ALIVE_S


def _is_idle(engine: Engine, served: Iterable[str]) -> bool:
    counts = engine.counts()
    return not any(counts[agent]["queued"] + counts[agent]["running"] for agent in served if agent in counts)
