"""Graphs of many assets with automation conditions, each automation sensor with a share of its own; what one idle tick of them costs."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import sqlalchemy as sa

CHAIN = 10  # assets one after the other


@dataclass(frozen=True)
class Tick:
    """What one tick of all sensors did: assets evaluated, requested, and statements to the instance's database."""

    evaluated: int
    requested: int
    statements: int


def graph(assets: int, shares: int) -> dg.Definitions:
    """So many assets in chains, all eager, and so many automation sensors with whole chains each."""
    made = []
    for number in range(assets):
        deps = [f"asset_{number - 1}"] if number % CHAIN else []
        made.append(_asset(number, deps, f"share_{(number // CHAIN) % shares}"))
    sensors = [
        dg.AutomationConditionSensorDefinition(f"automation_{n}", target=dg.AssetSelection.groups(f"share_{n}")) for n in range(shares)
    ]
    return dg.Definitions(assets=made, sensors=sensors)


def _asset(number: int, deps: list[str], share: str) -> dg.AssetsDefinition:
    @dg.asset(name=f"asset_{number}", deps=deps, group_name=share, automation_condition=dg.AutomationCondition.eager())
    def make() -> None: ...

    return make


class Ticker:
    """Evaluates every sensor's share and keeps its cursor, as the daemon does."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._definitions, self._instance = definitions, instance
        found = definitions.resolve_all_asset_specs()
        self.selections = {
            sensor.name: sensor.asset_selection
            for sensor in definitions.sensors or ()
            if isinstance(sensor, dg.AutomationConditionSensorDefinition)
        }
        self.assets = len(found)
        self._cursors: dict[str, object] = {}

    def tick(self) -> Tick:
        """One tick of each sensor."""
        counted = [0]

        def count(*_: object) -> None:
            counted[0] += 1

        evaluated = requested = 0
        sa.event.listen(sa.engine.Engine, "before_cursor_execute", count)
        try:
            for name, selection in self.selections.items():
                told = dg.evaluate_automation_conditions(
                    defs=self._definitions,
                    instance=self._instance,
                    asset_selection=selection,
                    cursor=self._cursors.get(name),  # type: ignore[arg-type]
                )
                self._cursors[name] = told.cursor
                evaluated += len(told.results)
                requested += told.total_requested
        finally:
            sa.event.remove(sa.engine.Engine, "before_cursor_execute", count)
        return Tick(evaluated, requested, counted[0])
