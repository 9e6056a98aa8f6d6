"""A graph of one decision and one execution, over the real ledger and the real engine: what `triggers.py` measures."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg

from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.dispatch import execute_day
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.world import World
from eco_assets.ledger import Entry, Ledger
from sensors.decision_changes import decision_sensor

AGENT, WORKFLOW = "comercial", "comercial.nutrir"
DECIDED, ACTED = dg.AssetKey(["decisions", AGENT, "demo"]), dg.AssetKey(["executions", AGENT, "workflows"])
RECORDED = "in_the_ledger"
DAYS = dg.DailyPartitionsDefinition("2018-01-01")
JOB = "act"


def ledger(home: Path) -> Ledger:
    """The ledger of a home."""
    return Ledger(home / "ledger.db")


def engine(home: Path) -> AbstractContextManager[Engine]:
    """The engine of a home."""
    return open_engine(home / "jorge" / "engine.db", WORKFLOWS, World(home / "outbox", home / "jorge" / "bookings.db"))


def graph(home: Path, path: str) -> dg.Definitions:
    """The graph; `path` chooses who starts executions: `sensor`, `plain`, or nobody."""

    @dg.asset(key=DECIDED, partitions_def=DAYS, check_specs=[dg.AssetCheckSpec(RECORDED, asset=DECIDED, blocking=True)])
    def decide(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        identity, day = hashlib.sha256(uuid.uuid4().bytes).hexdigest()[:32], context.partition_key
        body = {"decision_id": identity, "agent": AGENT, "point": "demo", "subject": identity, "as_of": day, "action": "nutrir"}
        body |= {"workflow": WORKFLOW, "cost_brl": 1.0, "requires_approval": False, "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
        ledger(home).append([Entry("decision", identity, AGENT, day, body)])
        yield dg.MaterializeResult()
        yield dg.AssetCheckResult(check_name=RECORDED, passed=True)

    @dg.asset(key=ACTED, deps=[DECIDED], partitions_def=DAYS)
    def act(context: dg.AssetExecutionContext) -> None:
        execute_day(ledger(home), AGENT, context.run.tags["dagster/partition"], lambda: engine(home))

    job = dg.define_asset_job(JOB, dg.AssetSelection.assets(ACTED), executor_def=dg.in_process_executor)

    @dg.asset_sensor(asset_key=DECIDED, job_name=JOB, default_status=dg.DefaultSensorStatus.RUNNING)
    def plain(context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry) -> dg.RunRequest:
        event = asset_event.dagster_event
        return dg.RunRequest(run_key=context.cursor, partition_key=event.partition if event else None)

    ours = decision_sensor(AGENT, [DECIDED], ACTED, JOB)
    making = dg.define_asset_job("decide", dg.AssetSelection.assets(DECIDED), executor_def=dg.in_process_executor)
    return dg.Definitions([decide, act], jobs=[job, making], sensors={"sensor": [ours], "plain": [plain]}.get(path, []))


if "ECO_BENCH_TRIGGERS" in os.environ:
    defs = graph(Path(os.environ["ECO_BENCH_TRIGGERS"]), os.environ["ECO_BENCH_PATH"])
