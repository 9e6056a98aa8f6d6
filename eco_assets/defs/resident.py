"""The resident worker over the real graph: which assets it watches and how a day is carried out. The loop is `sensors/resident.py`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from eco_assets.defs.decisions import decision_key
from eco_assets.defs.executions import execution_key, tell
from eco_assets.defs.inprocess import prepare_instance
from eco_assets.mcp.policies import load_policies
from eco_assets.platform import Platform
from eco_assets.resident.outbox import Outbox
from eco_assets.settings import AGENTS

if TYPE_CHECKING:
    from eco_assets.jorge.engine import Engine
    from sensors.resident import Resident, Result, Watched

IDLE_S = 5.0  # the embedded engine is one process's at a time: after so long without work it is left to others


class WarmEngine:
    """Keeps the engine open between two days that follow closely, because opening it takes half a second to one."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._stack = ExitStack()
        self._engine: Engine | None = None
        self._used_at = 0.0

    @contextmanager
    def use(self) -> Iterator[Engine]:
        """The engine, opened if it is not; after an error it is opened anew next time."""
        if self._engine is None:
            self._engine = self._stack.enter_context(self._platform.engine())
        try:
            yield self._engine
        except BaseException:
            self.close()
            raise
        self._used_at = time.monotonic()

    def rest(self) -> None:
        """Close it where it was not used for a while."""
        if self._engine is not None and time.monotonic() - self._used_at > IDLE_S:
            self.close()

    def close(self) -> None:
        """Close it."""
        self._engine = None
        self._stack.close()


def watched_agents() -> list[Watched]:
    """Every agent's decision assets and blocking checks, as the code location has them."""
    from eco_assets.definitions import build_defs
    from sensors.resident import Watched

    nodes = build_defs().resolve_asset_graph().asset_check_nodes
    found = []
    for agent in AGENTS:
        keys = tuple(decision_key(policy) for policy in load_policies().values() if policy.agent == agent)
        blocking = tuple(node.key for node in nodes if node.blocking and node.key.asset_key in keys)
        found.append(Watched(agent, keys, blocking, execution_key(agent)))
    return found


def carry_out(platform: Platform, engine: AbstractContextManager[Engine] | None, agent: str, day: str) -> Result:
    """Carry out an agent's day with an engine (the platform's own by default); what is told is what the execution asset tells."""
    from eco_assets.jorge.controls import intake
    from eco_assets.jorge.dispatch import execute_day
    from eco_assets.jorge.queues import load_queues
    from sensors.resident import Result

    # A resident worker ends each day's orders before the next, so its queue is empty; but people may have paused the agent.
    held = intake(platform.ledger, load_queues(platform.settings.home), dict)
    executed = execute_day(platform.ledger, agent, day, platform.engine if engine is None else lambda: engine, intake=held)
    told = tell(platform.ledger, executed)
    return Result(told.metadata, told.checks)


@contextmanager
def opened(platform: Platform, outbox: Outbox) -> Iterator[Resident]:
    """The worker on the platform's instance and ledger."""
    from sensors.resident import Resident

    os.environ.setdefault("DAGSTER_HOME", str(platform.settings.dagster_home))
    prepare_instance(platform.settings.dagster_home)
    warm = WarmEngine(platform)
    with dg.DagsterInstance.get() as instance:
        import dbos  # noqa: F401 (a second of imports, before the first day waits for it)

        try:
            yield Resident(instance, outbox, watched_agents(), lambda agent, day: carry_out(platform, warm.use(), agent, day), warm.rest)
        finally:
            warm.close()
