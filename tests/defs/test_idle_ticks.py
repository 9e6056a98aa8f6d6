"""An idle tick stays cheap with 500 assets under automation: counted in assets and database statements, not timed."""

from __future__ import annotations

import dagster as dg
import pytest
from toy_agent import DECIDE, Agent

from tests.benchmarks.automated_graph import Ticker, graph

ASSETS, SHARES = 500, 5


@pytest.fixture
def instance(tmp_path_factory: pytest.TempPathFactory) -> dg.DagsterInstance:
    return dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster")))


def test_an_idle_tick_of_500_assets_asks_the_database_little_and_requests_nothing(instance: dg.DagsterInstance) -> None:
    ticker = Ticker(graph(ASSETS, SHARES), instance)
    assert len(ticker.selections) == SHARES
    ticker.tick()
    idle = [ticker.tick() for _ in range(2)]
    assert {(tick.evaluated, tick.requested) for tick in idle} == {(ASSETS, 0)}  # each asset by one sensor
    assert max(tick.statements for tick in idle) <= 2 * ASSETS
    assert idle[0].statements == idle[1].statements  # and it does not grow from tick to tick


def test_a_share_of_the_graph_costs_a_share_of_a_tick(instance: dg.DagsterInstance) -> None:
    ticker = Ticker(graph(ASSETS, SHARES), instance)
    name, selection = next(iter(ticker.selections.items()))
    ticker.selections = {name: selection}
    ticker.tick()
    assert ticker.tick().evaluated == ASSETS // SHARES


def test_an_idle_tick_of_a_decision_sensor_asks_the_same_whatever_the_log_holds(instance: dg.DagsterInstance) -> None:
    import sqlalchemy as sa

    agent, counts = Agent(instance), []
    for day in ("2018-05-02", "2018-05-03"):
        agent.run(DECIDE, day)
        agent.tick()
        counted: list[int] = []

        def count(*_: object, counted: list[int] = counted) -> None:
            counted.append(1)

        sa.event.listen(sa.engine.Engine, "before_cursor_execute", count)
        agent.tick()
        sa.event.remove(sa.engine.Engine, "before_cursor_execute", count)
        counts.append(len(counted))
    assert agent.skipped == "no change"
    assert counts[0] == counts[1] <= 60
