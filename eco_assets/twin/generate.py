"""Makes the whole twin: builds every part, writes its files, the truth and the stamp.

Belongs here: the order of the parts and the rule for doing nothing. Stays out: any number of any domain.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from eco_assets.twin import calls, finance, funnel, machines, marketing, retail
from eco_assets.twin.plan import Plan
from eco_assets.twin.tables import write, write_json

STAMP, TRUTH = "_twin.json", "_truth.json"
PARTS = {
    "varejo": retail.build,
    "comercial": funnel.build,
    "industrial": machines.build,
    "agencia": marketing.build,
    "agencia_calls": calls.build,
    "financeiro": finance.build,
}


def generate(root: Path, *, seed: int = 7, days: int = 400, end: date = date(2026, 10, 31), scale: float = 1.0) -> dict[str, int]:
    """Write a small Brazilian business below `root` in the layouts of the real files, with its truth beside it.

    The same arguments give the same bytes. A call that would change nothing writes nothing. `_truth.json` holds the
    true parameters (part by part, as each `build` documents them); nothing but an evaluation may read it.

    Args:
        root: folder to fill; made when missing.
        seed: start of every random stream.
        days: calendar days of orders and leads, 120 or more.
        end: last day of every file.
        scale: factor on orders, leads, calls, customers and accounts; 1.0 makes about 10,000 orders.

    Returns:
        Rows per file, keyed by its path relative to `root`.

    Raises:
        ConfigError: `days` or `scale` is out of range.
    """
    plan = Plan(seed=seed, days=days, end=end, scale=scale)
    known = _unchanged(root, plan)
    if known is not None:
        return known
    (root / STAMP).unlink(missing_ok=True)  # a run that dies half way must not look complete
    rows: dict[str, int] = {}
    truth: dict[str, object] = {"plan": plan.stamp()}
    for name, build in PARTS.items():
        tables, truth[name] = build(plan)
        for table in tables:
            rows[table.path] = write(root, table)
    write_json(root / TRUTH, truth)
    write_json(root / STAMP, {"plan": plan.stamp(), "rows": rows})
    return rows


def _unchanged(root: Path, plan: Plan) -> dict[str, int] | None:
    """The rows that the last call wrote, if it was made with this plan and every file is still there."""
    try:
        stamp = json.loads((root / STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if stamp.get("plan") != plan.stamp() or not (root / TRUTH).is_file():
        return None
    rows: dict[str, int] = stamp["rows"]
    return rows if all((root / path).is_file() for path in rows) else None
