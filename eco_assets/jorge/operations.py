"""The audit of what people do to running work: every act is an entry of the ledger (kind `operation`) before it is done.

An act that then fails leaves a second entry with its error; so an act without an entry there is not, and an entry never lies.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from eco_assets.errors import PermanentError
from eco_assets.ledger import Entry, Ledger

KIND = "operation"


@contextmanager
def audited(
    ledger: Ledger, operation: str, target: str, *, by: str, why: str = "", agent: str = "", as_of: str = "", **what: Any
) -> Iterator[str]:
    """Record that a person does something, for as long as the block does it; gives the entry's id.

    Args:
        ledger: target.
        operation: a verb, such as `requeue`.
        target: an order's id, or an agent.
        by: who does it.
        why: the reason.
        agent: whose work it is.
        as_of: the business day, ISO; today by default.
        what: further members of the entry, such as an edit's before and after.

    Raises:
        PermanentError: nobody is named.
    """
    if not by.strip():
        raise PermanentError(f"{operation} needs the name of the person who does it: --by NAME")
    identity, day = uuid.uuid4().hex, as_of or datetime.now(UTC).date().isoformat()
    body = {"operation": operation, "target": target, "by": by.strip(), "why": why, **what}
    ledger.append([Entry(KIND, identity, agent, day, body)])
    try:
        yield identity
    except Exception as error:
        failed = {"operation": operation, "target": target, "by": by.strip(), "why": why, "failed": identity, "error": str(error)}
        ledger.append([Entry(KIND, f"{identity}/failed", agent, day, failed)])
        raise


def of(ledger: Ledger, target: str) -> list[dict[str, Any]]:
    """What was done to an order or an agent, oldest first."""
    return [entry for entry in ledger.list(KIND) if target in (entry.get("target"), entry.get("decision_id"))]
