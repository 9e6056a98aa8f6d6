"""Measures the CPU time of a step and writes it to the ledger, the first time that an asset is built for a day."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from eco_assets.defs.describe import day_of
from eco_assets.ledger import Entry
from eco_assets.platform import Platform


@contextmanager
def measured(engines: Platform, context: dg.AssetExecutionContext, agent: str) -> Iterator[None]:
    """Record the CPU seconds of the block, child processes included, as a cost of `agent` on the run's business day."""
    before = os.times()
    yield
    after = os.times()
    seconds = sum(after[:4]) - sum(before[:4])
    day, step = day_of(context).isoformat(), context.op_execution_context.op.name
    body = {"agent": agent, "step": step, "cpu_seconds": round(seconds, 3), "run_id": context.run.run_id}
    engines.ledger.append([Entry("cost", f"{day}/{step}", agent, day, body)])
