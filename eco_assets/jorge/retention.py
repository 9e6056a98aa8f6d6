"""What the engine forgets: orders that ended well long ago. The ledger keeps how each ended, and the lake their outcomes.

An order stays while nobody has recorded its end, and while it is a dead letter.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from eco_assets.jorge.dead_letters import SETTLED, settle
from eco_assets.jorge.operations import KIND

if TYPE_CHECKING:
    from eco_assets.jorge.engine import Engine
    from eco_assets.ledger import Ledger

BATCH = 500
KEEP_DAYS = 30


def sweep(port: Engine, ledger: Ledger, *, days: float = KEEP_DAYS, now: datetime | None = None) -> int:
    """Delete orders that ended more than `days` days ago and whose end is in the ledger; returns how many."""
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    settle(port, ledger)
    runs = {entry["record"]["workflow_id"] for entry in ledger.list(KIND) if entry["operation"] == SETTLED}
    old = _ended(port, before)
    keep = set(old) - ledger.known("execution", old) - runs
    total = 0
    while count := port.forget(before, keep=keep, limit=BATCH + len(keep)):
        total += count
    return total


def _ended(port: Engine, before: datetime) -> list[str]:
    import sqlalchemy as sa

    database = port.store.database
    table = "dbos.workflow_status" if database.dialect.name == "postgresql" else "workflow_status"
    query = f"SELECT workflow_uuid FROM {table} WHERE status IN ('SUCCESS', 'CANCELLED') AND completed_at < :before"
    with database.connect() as db:
        return [str(row[0]) for row in db.execute(sa.text(query), {"before": int(before.timestamp() * 1000)})]
