"""The decision engine: rows a second one by one, in SQL batch, in a whole day's batch with its ledger, and in a replay.

`python -m tests.benchmarks.policies` measures all on one generated day of a policy with 20 rules over 30 features, best of three, and keeps
`results/policies.json`. The SQL's rows are compared with the row engine's before they count. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eco_assets.ledger import Ledger
from eco_assets.mcp.batch import decide_day
from eco_assets.mcp.engine import Context, decide
from eco_assets.mcp.evaluation import evaluate
from eco_assets.mcp.policies import Policy, parse_policy
from eco_assets.mcp.policy_sql import batch_of, evaluate_many
from eco_assets.mcp.replay import reproduce

RESULTS = Path(__file__).parent / "results"
FEATURES, RULES, REPEATS = 30, 20, 3
FEW = 3_000  # rows of what works one by one


def policy() -> Policy:
    """20 rules over 30 features and four actions."""
    rules = "\n".join(
        f"""  - id: r{n}
    when: "features.f{n} > 0.9 && features.f{n + 5} != null && features.kind == 'a'"
    then: {{exclude: [a{n % 3}]}}"""
        for n in range(RULES)
    )
    actions = "\n".join(
        f"""  - name: a{n}
    label: A{n}
    workflow: comercial.nutrir
    reason: "f de {{f{n}:.2f}}"
    eligible: "features.f{n + 20} >= 0.1"
    value_brl: "(predictions.p_x == null ? 0.2 : predictions.p_x) * params.value * features.f{n + 25}"
    cost_brl: "params.cost + {n}.0\""""
        for n in range(3)
    )
    return parse_policy(
        f"""
api: eco/policy/v1
agent: comercial
point: benchmark
version: 1.0.0
description: A policy of the benchmark.
owner: benchmark
subject: subject
query: SELECT 1 AS subject
trace: SELECT 1
params: {{value: 300, cost: 20}}
confidence: "predictions.p_x == null ? 0.5 : predictions.p_x"
rules:
{rules}
default: wait
actions:
{actions}
  - {{name: wait, label: Wait, value_brl: "0.0", reason: nada}}
guardrails: {{max_actions_per_day: 400, max_cost_brl_per_day: 9000, approval_above_brl: 21}}
""",
        "benchmark",
    )


def subjects(count: int) -> list[Context]:
    """Subjects with some inputs that are not known."""
    draw = random.Random(7)
    found = []
    for number in range(count):
        features: dict[str, Any] = {f"f{n}": round(draw.random(), 6) for n in range(FEATURES)}
        features["kind"] = draw.choice(["a", "b", None])
        features["f5"] = None if number % 50 == 0 else features["f5"]
        found.append(Context(f"s{number}", "2026-10-31", features, {"p_x": None if number % 20 == 0 else draw.random()}, (("m", "1"),)))
    return found


def best(work: Callable[[], Any]) -> float:
    """Seconds of the quickest run."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def measure(rows: int) -> dict[str, Any]:
    """Rows a second of every way."""
    rule, day = policy(), subjects(rows)
    few = day[:FEW]
    evaluations = evaluate_many(day, rule)
    differing = sum(found is not None and found != evaluate(context, rule, {}) for context, found in zip(few, evaluations, strict=False))
    batch, table = batch_of(day, rule)
    figures: dict[str, Any] = {
        "rows": rows,
        "rows_in_sql": sum(found is not None for found in evaluations),
        "differing": differing,
        "sql_query": rows / best(lambda: batch.run(table)),
        "sql_with_columns": rows / best(lambda: _columns_and_query(day, rule)),
        "sql_evaluations": rows / best(lambda: evaluate_many(day, rule)),
        "row_evaluations": len(few) / best(lambda: [evaluate(context, rule, {}) for context in few]),
        "row_decisions": len(few) / best(lambda: [decide(context, rule) for context in few]),
    }
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.db")
        started = time.perf_counter()
        decide_day(ledger, rule, few, "ab" * 16)
        figures["day_with_ledger"] = len(few) / (time.perf_counter() - started)
        records = ledger.list("decision")
        started = time.perf_counter()
        found = reproduce(ledger, records)
        figures["replay"] = len(records) / (time.perf_counter() - started)
        figures["reproduced"] = found.same / len(records)
    return {name: round(value, 4) if isinstance(value, float) and value <= 1 else int(value) for name, value in figures.items()}


def _columns_and_query(day: list[Context], rule: Policy) -> None:
    batch, table = batch_of(day, rule)
    batch.run(table)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    figures = measure(parser.parse_args().rows)
    for name, value in figures.items():
        print(f"{name:18} {value:,}")
    kept = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "rows_per_second": figures,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "policies.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
