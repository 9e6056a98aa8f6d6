"""Open the engine: as a worker in this process (`open_engine`), or only to speak to its database (`open_port`).

Embedded, the database is a SQLite file that one worker at a time owns (a lock file sees to it); on a server it is Postgres, with any
number of resident workers (`worker.py`).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from eco_assets.errors import DoorUnavailable, NotFound
from eco_assets.jorge import queues
from eco_assets.jorge.coordinator import Bound, workflow
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.enqueueing import APPLICATION_VERSION, enqueue
from eco_assets.jorge.records import order_of
from eco_assets.jorge.store import Store
from eco_assets.jorge.workflow import Workflow
from eco_assets.jorge.world import World

if TYPE_CHECKING:
    import sqlalchemy as sa

EXECUTOR = "embedded"


@contextmanager
def open_engine(
    target: Path | str,
    workflows: Mapping[str, Workflow],
    world: World,
    *,
    pause_s: float = 0.0,
    wait_s: float = 300.0,
    home: Path | None = None,
    agents: Iterable[str] | None = None,
    worker: str | None = None,
) -> Iterator[Engine]:
    """Start a worker in this process, recover what a killed one left, and stop it at the end.

    Args:
        target: the SQLite file, or a Postgres URL.
        workflows: the catalogue.
        world: the doors.
        pause_s: seconds to wait before each step; for crash drills.
        wait_s: how long to wait for another worker of the same SQLite file to end, seconds.
        home: folder whose `queues.yaml` changes the queues.
        agents: whose queues this worker serves; all by default.
        worker: this worker's name where several share a database; it must be unique.

    Raises:
        DoorUnavailable: another worker keeps the file for longer than `wait_s` seconds, or the database does not answer.
    """
    with _owned(target, wait_s):
        database = open_database(target)
        try:
            with _launched(database, target, workflows, world, pause_s, home, agents, worker) as engine:
                yield engine
        finally:
            database.dispose()


@contextmanager
def open_port(target: Path | str, workflows: Mapping[str, Workflow]) -> Iterator[Engine]:
    """Speak to an engine's database without carrying anything out here.

    Raises:
        NotFound: no engine was ever opened on the SQLite file.
    """
    from dbos import DBOSClient

    if isinstance(target, Path) and not target.exists():
        raise NotFound(f"nothing was carried out yet: {target} is not there")
    logging.getLogger("dbos").setLevel(logging.ERROR)
    database = open_database(target)
    _prepare(database, target)
    client = DBOSClient(system_database_url=_url(target), system_database_engine=database, application_name="jorge")
    try:
        engine = Engine(client, database, workflows)
        engine.store.create()
        yield engine
    finally:
        client.destroy()
        database.dispose()


@contextmanager
def _owned(target: Path | str, wait_s: float) -> Iterator[None]:
    """One worker at a time on a SQLite file; on Postgres there may be any number."""
    if not isinstance(target, Path):
        yield
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_suffix(".lock"))
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise DoorUnavailable(f"another worker has been using {target} for {wait_s:.0f} s; try again when it is done") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _launched(
    database: sa.Engine,
    target: Path | str,
    workflows: Mapping[str, Workflow],
    world: World,
    pause_s: float,
    home: Path | None,
    agents: Iterable[str] | None,
    worker: str | None,
) -> Iterator[Engine]:
    from dbos import DBOS, DBOSClient

    logging.getLogger("dbos").setLevel(logging.ERROR)
    served = sorted(set(agents) if agents is not None else {each.agent for each in workflows.values()})
    name = worker or (EXECUTOR if isinstance(target, Path) else f"{EXECUTOR}-{uuid.uuid4().hex[:12]}")
    store, grace_s = Store(database), 5
    store.create()
    store.beat(name, served, APPLICATION_VERSION)  # before the launch: a worker that dies in it must be known
    Bound.workflows, Bound.world, Bound.pause_s, Bound.store = workflows, world, pause_s, store
    workflow()
    if not isinstance(target, Path):
        _prepare(database, target)
    DBOS(
        config={
            "name": "jorge",
            "system_database_url": _url(target),
            "system_database_engine": database,
            "executor_id": name,
            "application_version": APPLICATION_VERSION,
            "log_level": "ERROR",
        }
    )
    client: Any = None
    try:
        DBOS.listen_queues(served)
        client = DBOSClient(system_database_url=_url(target), system_database_engine=database, application_name="jorge")
        Bound.enqueue, Bound.find = partial(enqueue, client), partial(_find, client)
        DBOS.launch()
        queues.register(served, queues.load_queues(home))
        store.mark_ready()
        engine = Engine(client, database, workflows)
        yield engine
        grace_s = engine.grace_s
    finally:
        DBOS.destroy(workflow_completion_timeout_sec=grace_s)
        with suppress(Exception):
            store.leave(name)
        Bound.world = Bound.store = Bound.enqueue = Bound.find = None


def _find(client: Any, order_id: str) -> dict[str, Any] | None:
    found = client.list_workflows(workflow_ids=[order_id], load_output=False)
    return order_of(found[0]) if found else None


def _prepare(database: sa.Engine, target: Path | str, *, wait_s: float = 60.0) -> None:
    """Make dbos's tables on Postgres, one process at a time; orders may be queued before the first worker is there.

    Raises:
        NotFound: a SQLite file has no tables, and no worker is just making them.
    """
    import sqlalchemy as sa
    from dbos import run_dbos_database_migrations

    # Tried and not waited for: dbos builds indexes CONCURRENTLY, which waits for every open statement, a wait for this lock included.
    while not isinstance(target, Path):
        with database.begin() as db:
            if db.execute(sa.text("SELECT pg_try_advisory_xact_lock(4242004)")).scalar():
                run_dbos_database_migrations(target)
                return
        time.sleep(0.2)
    deadline = time.monotonic() + wait_s
    while not sa.inspect(database).has_table("jorge_ready"):  # the last thing that a worker's start makes
        if time.monotonic() > deadline:
            database.dispose()
            raise NotFound(f"nothing was carried out yet: {target} has no tables")
        time.sleep(0.1)


def _url(target: Path | str) -> str:
    return f"sqlite:///{target}" if isinstance(target, Path) else target


def open_database(target: Path | str) -> sa.Engine:
    """A SQLAlchemy engine: SQLite, or Postgres through psycopg 3.

    SQLite is in WAL: 36 to 67 workflows a second, against 13 to 52 with dbos's DELETE journal; FULL survives a power cut.
    """
    import sqlalchemy as sa

    if not isinstance(target, Path):
        return sa.create_engine(
            target.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=20, max_overflow=10, pool_pre_ping=True
        )
    database = sa.create_engine(_url(target), connect_args={"timeout": 30})

    @sa.event.listens_for(database, "connect")
    def _configure(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return database
