"""The resident worker: what a sensor and a run do in seconds, in a warm process within a second.

It reads the event log by the same rules as the decision sensors (`plan`, `Verdicts`), writes what was accepted to its outbox together
with its cursor, carries it out, and reports the result back as a materialization of the execution asset, so that lineage stays whole.
A kill at any point leaves the row open: carrying out goes by decision ids, and a report that is there already is not made again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from pydantic import ValidationError

from eco_assets.console import say
from eco_assets.resident.outbox import Outbox, Trigger
from sensors.decision_changes import BEGINNING, Cursor, plan, read_changes, request_for
from sensors.verdicts import CHANGES, Change, Verdict, Verdicts

POLL_S = 0.2
LOOK_AGAIN_S = 2.0  # with changes that wait: a run's end is no event of an asset


@dataclass(frozen=True)
class Watched:
    """One agent: the decision assets, their blocking checks, the asset that carries them out."""

    agent: str
    keys: tuple[dg.AssetKey, ...]
    blocking: tuple[dg.AssetCheckKey, ...]
    carried_out_by: dg.AssetKey


@dataclass(frozen=True)
class Result:
    """What an execution reports: metadata of its materialization, and checks by name (passed, metadata)."""

    metadata: dict[str, Any] = field(default_factory=dict)
    checks: Mapping[str, tuple[bool, dict[str, Any]]] = field(default_factory=dict)


class Resident:
    """Watches an instance's decisions and carries them out. One at a time a home: hold `Outbox.working`."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        outbox: Outbox,
        watched: Sequence[Watched],
        execute: Callable[[str, str], Result],
        rest: Callable[[], None] = lambda: None,
    ) -> None:
        """`execute` carries out an agent's business day, and does nothing about what was carried out before; `rest` ends each turn."""
        self._instance, self._outbox, self._watched, self._execute, self._rest = instance, outbox, watched, execute, rest
        self._assets = {each.agent: each.carried_out_by for each in watched}
        self._seen: int | None = -1
        self._look_at = 0.0

    def look(self) -> int:
        """Read what is new in the log and write what must be carried out; returns how many triggers are new."""
        return sum(self._look_at_agent(each) for each in self._watched)

    def _look_at_agent(self, each: Watched) -> int:
        cursor, added = self._cursor(each.agent), 0
        while True:
            changes = list(read_changes(self._instance, cursor, each.keys))
            verdicts = Verdicts(self._instance, each.blocking, each.carried_out_by)
            todo = plan(cursor, changes, lambda change: verdicts.of_day(change, each.keys))  # noqa: B023 (called within the turn)
            if todo.cursor.pending:
                self._look_at = min(self._look_at, time.monotonic() + LOOK_AGAIN_S)
            if todo.cursor != cursor:
                added += self._outbox.write(each.agent, todo.cursor.dumps(), [_trigger(each.agent, d, c) for d, c in todo.days.items()])
            if not changes:
                return added
            cursor = todo.cursor

    def _cursor(self, agent: str) -> Cursor:
        try:
            return Cursor.loads(self._outbox.cursor(agent))
        except ValidationError:  # what was carried out is known by the log, so reading from the beginning acts on nothing twice
            return BEGINNING

    def carry_out(self) -> list[str]:
        """Carry out what is due; returns the keys of what was done. What fails stays, and is tried again later."""
        done = []
        for trigger in self._outbox.due():
            try:
                answers = self._answers(trigger)
                if "accepted" in answers:
                    self._report(trigger, self._execute(trigger.agent, trigger.day))
                elif "resident" in answers:  # whoever did may have died before the checks were told; carrying out again does nothing
                    self._report_checks(trigger, self._execute(trigger.agent, trigger.day))
            except Exception as error:  # noqa: BLE001 (what is wrong with one agent's day must not stop the others)
                pause = self._outbox.failed(trigger, f"{type(error).__name__}: {error}")
                say(f"{trigger.key}: {error}; tried again in {pause:.0f} s")
                continue
            self._outbox.done(trigger.key)
            done.append(trigger.key)
        return done

    def _answers(self, trigger: Trigger) -> set[Verdict]:
        """Who carried this very trigger out: a worker that died since (`resident`), a sensor's run (`done`), or nobody (`accepted`)."""
        same = [Change(number, "", trigger.day, "", trigger.changed_at) for number in trigger.changes]
        verdicts = Verdicts(self._instance, (), self._assets[trigger.agent])
        return {verdicts.answered(change) for change in same}

    def _report(self, trigger: Trigger, result: Result) -> None:
        key = self._assets[trigger.agent]
        told = {
            **result.metadata,
            CHANGES: dg.MetadataValue.text(",".join(map(str, trigger.changes))),  # an event's tags hold 63 characters
            "eco/asked_by": dg.MetadataValue.text(trigger.asked_by),
            "seconds_after_change": round(time.time() - trigger.changed_at, 3),
            "carried_out_by": "resident",
        }
        made = dg.AssetMaterialization(key, partition=trigger.day, metadata=told)
        self._instance.report_runless_asset_event(made)
        self._report_checks(trigger, result)

    def _report_checks(self, trigger: Trigger, result: Result) -> None:
        key = self._assets[trigger.agent]
        for name, (is_passed, metadata) in result.checks.items():
            check = dg.AssetCheckEvaluation(asset_key=key, check_name=name, passed=is_passed, metadata=metadata)
            self._instance.report_runless_asset_event(check)

    def turn(self) -> list[str]:
        """One turn of the loop: look if the log has grown, then carry out what is due."""
        newest, now = self._instance.event_log_storage.get_maximum_record_id(), time.monotonic()
        if newest != self._seen or now >= self._look_at:
            self._seen, self._look_at = newest, now + 60.0
            self.look()
        done = self.carry_out()
        self._rest()
        return done

    def serve(self, stopped: threading.Event, told: Callable[[str], None] = say) -> None:
        """Turn until `stopped` is set."""
        while not stopped.is_set():
            for key in self.turn():
                told(f"carried out: {key}")
            stopped.wait(POLL_S)


def _trigger(agent: str, day: str, asked: tuple[Change, ...]) -> Trigger:
    request = request_for(agent, day, asked)
    numbers = tuple(sorted(change.storage_id for change in asked))
    return Trigger(str(request.run_key), agent, day, numbers, request.tags["eco/asked_by"], max(change.at for change in asked))


__all__ = ["Resident", "Result", "Watched"]
