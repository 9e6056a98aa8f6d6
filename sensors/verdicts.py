"""The verdict on one materialization: whether every blocking check of its asset passed on this very one.

A failed blocking check does not hide a materialization, and a run that died between an asset and its checks leaves one that nobody
checked. So an acceptance needs proof: the newest evaluation of each blocking check that looked at this materialization, in whatever
run it was made. Dagster has no public call for that; all use of private ones is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

Verdict = Literal["accepted", "rejected", "pending", "held", "done", "resident"]
"""`accepted`; `rejected` (a blocking check failed or never ran); `pending` (its run has not ended); `held` (accepted, but other
decisions of its day are rejected or pending); `done` (its own run, or one that a sensor asked for, carried the decisions out);
`resident` (the resident worker did)."""

CARRIES_OUT = "eco/carries_out"  # of a run that a sensor asked for: the asset that carries decisions out
CHANGES = "eco/changes"  # of a run and of a runless materialization: the changes that it answers, as numbers with commas

PAGE = 200
SKEW_S = 60.0  # between the clocks of two machines that write to the log


@dataclass(frozen=True)
class Change:
    """One materialization: its place in the event log, its business day, the run that made it, when (seconds since 1970).

    Without a partition, day is empty.
    """

    storage_id: int
    asset: str
    day: str
    run_id: str
    at: float = 0.0

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key."""
        return dg.AssetKey.from_user_string(self.asset)


def change_of(record: dg.EventLogRecord, key: dg.AssetKey) -> Change:
    """The change that a record of the event log tells of."""
    return Change(record.storage_id, key.to_user_string(), record.partition_key or "", record.run_id, record.timestamp)


def changes_of(record: dg.EventLogRecord) -> list[str]:
    """The changes that a materialization of the resident worker answers; none of another."""
    made = record.asset_materialization
    told = made.metadata.get(CHANGES) if made is not None else None
    return str(told.value).split(",") if told is not None else []


class Verdicts:
    """Judges changes; made anew for every tick, because it remembers what it read."""

    def __init__(self, instance: dg.DagsterInstance, blocking: Iterable[dg.AssetCheckKey], carried_out_by: dg.AssetKey) -> None:
        """Judge by these blocking checks; `carried_out_by` is the asset that carries decisions out."""
        self._instance = instance
        self._carried_out_by = carried_out_by
        self._checks = {check: _History(instance, check) for check in blocking}

    def of(self, change: Change) -> Verdict:
        """Verdict on a change alone; never `held`. A change whose run was deleted is judged by its checks."""
        run = self._instance.get_run_by_id(change.run_id)
        if run is not None and not run.is_finished:
            return "pending"
        asked = [history for check, history in self._checks.items() if check.asset_key == change.key]
        if not all(history.has_passed(change) for history in asked):
            return "rejected"
        return "done" if self._was_carried_out(change) else self.answered(change)

    def of_day(self, change: Change, keys: Iterable[dg.AssetKey]) -> Verdict:
        """Verdict on a change beside the newest decisions of its day: an execution carries out all of the agent's, or none."""
        own = self.of(change)
        if own != "accepted":
            return own
        others = (self.of(newest) for key in keys if (newest := self._newest(key, change.day)))
        return "held" if any(other in ("rejected", "pending") for other in others) else own

    def _newest(self, key: dg.AssetKey, day: str) -> Change | None:
        found = self._instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=[day]), limit=1).records
        return change_of(found[0], key) if found else None

    def _was_carried_out(self, change: Change) -> bool:
        of_type = dg.DagsterEventType.ASSET_MATERIALIZATION
        entries = [record.event_log_entry for record in self._instance.get_records_for_run(change.run_id, of_type=of_type).records]
        events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
        return any(event.asset_key == self._carried_out_by and event.partition == change.day for event in events)

    def answered(self, change: Change) -> Verdict:
        """`accepted`, where neither a run that a sensor asked for nor the resident worker names this change among those it answers.

        A run that was made and never submitted answers nothing: a daemon that died between the two, or that gave its tick up, submits it
        only when the sensor asks for its run key again.
        """
        number = str(change.storage_id)
        asked = dg.RunsFilter(tags={CARRIES_OUT: self._carried_out_by.to_user_string(), "dagster/partition": change.day})
        runs = (run for run in self._instance.get_runs(asked) if run.status is not dg.DagsterRunStatus.NOT_STARTED)
        if any(number in run.tags.get(CHANGES, "").split(",") for run in runs):
            return "done"
        made = dg.AssetRecordsFilter(self._carried_out_by, asset_partitions=[change.day], after_timestamp=change.at - SKEW_S)
        for record in self._instance.fetch_materializations(made, limit=PAGE).records if change.day else ():
            if number in changes_of(record):
                return "resident"
        return "accepted"


class _History:
    """The evaluations of one check, newest first, read as far back as somebody asks."""

    def __init__(self, instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> None:
        self._unread = _records(instance, check)
        self._by_target: dict[int, bool] = {}

    def has_passed(self, change: Change) -> bool:
        """Whether the newest evaluation that looked at this change let it pass; a warning does, no evaluation does not."""
        while change.storage_id not in self._by_target:
            record = next(self._unread, None)
            if record is None:
                return False
            self._note(record)
        return self._by_target[change.storage_id]

    def _note(self, record: AssetCheckExecutionRecord) -> None:
        evaluation = record.evaluation
        if not isinstance(evaluation, dg.AssetCheckEvaluation) or evaluation.target_materialization_data is None:
            return  # planned and not run, or run before there was anything to look at
        is_passed = evaluation.passed or evaluation.severity == dg.AssetCheckSeverity.WARN
        self._by_target.setdefault(evaluation.target_materialization_data.storage_id, is_passed)


def _records(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> Iterator[AssetCheckExecutionRecord]:
    position: int | None = None
    while True:
        page = instance.event_log_storage.get_asset_check_execution_history(check, limit=PAGE, cursor=position)
        yield from page
        if len(page) < PAGE:
            return
        position = page[-1].id


__all__ = ["CARRIES_OUT", "CHANGES", "Change", "Verdict", "Verdicts", "change_of", "changes_of"]
