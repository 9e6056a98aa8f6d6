"""The verdict on one materialization: did the blocking checks that looked at this very one pass?

Dagster has no public call that ties a check's result to the materialization it looked at; all use of private ones is here.
"""

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

Verdict = str
"""`accepted`, `rejected`, `pending` (its run has not ended), or `done` (its own run carries the decisions out)."""

ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


def verdict_of(instance: dg.DagsterInstance, asset: str, storage_id: int, run_id: str, carried_out_by: dg.AssetKey) -> Verdict:
    """Verdict on the materialization `storage_id` of `asset`, made by the run `run_id`.

    A run that has not ended may still evaluate a check, so its changes are pending. A run that was deleted is judged by its checks.
    """
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status not in ENDED:
        return "pending"
    if any(_has_failed(record, storage_id) for record in _evaluations(instance, asset, run_id)):
        return "rejected"
    if run is not None and _was_carried_out(instance, run_id, carried_out_by):
        return "done"
    return "accepted"


def _evaluations(instance: dg.DagsterInstance, asset: str, run_id: str) -> list[dg.AssetCheckEvaluation]:
    key = dg.AssetKey.from_user_string(asset)
    records = instance.get_records_for_run(run_id=run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records
    found = [record.event_log_entry.dagster_event for record in records]
    evaluations = [event.event_specific_data for event in found if event is not None]
    return [e for e in evaluations if isinstance(e, dg.AssetCheckEvaluation) and e.asset_key == key]


def _has_failed(evaluation: dg.AssetCheckEvaluation, storage_id: int) -> bool:
    target = evaluation.target_materialization_data
    looked_at_this = target is None or target.storage_id == storage_id
    return bool(evaluation.blocking) and looked_at_this and not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR


def _was_carried_out(instance: dg.DagsterInstance, run_id: str, key: dg.AssetKey) -> bool:
    records = instance.get_records_for_run(run_id=run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION).records
    events = [record.event_log_entry.dagster_event for record in records]
    return any(event is not None and event.asset_key == key for event in events)


__all__ = ["Verdict", "verdict_of"]
