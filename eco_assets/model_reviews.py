"""Answers to model versions, carried out in the registry and written to the ledger: who let which model decide, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from eco_assets.ledger import Entry

if TYPE_CHECKING:
    from eco_assets.platform import Platform
    from ml.families import Family
    from ml.review import Settled

KIND = "model_review"


def answered(platform: Platform, family: Family, version: str, verdict: str, *, by: str, why: str) -> Settled:
    """Carry out one answer. Raises `NotFound` when there is no such version."""
    from ml.review import answer

    done = answer(platform.registry.client, family.name, version, verdict, by=by, why=why)
    _record(platform, family, [done])
    return done


def settled(platform: Platform, family: Family) -> list[Settled]:
    """Carry out what reviewers did on MLflow's own pages since the last time."""
    from ml.review import settle

    done = settle(platform.registry.client, family.name)
    _record(platform, family, done)
    return done


def _record(platform: Platform, family: Family, done: Iterable[Settled]) -> None:
    now = datetime.now(UTC)
    platform.ledger.append(
        Entry(
            KIND,
            f"{each.name}/{each.version}/{each.verdict}/{now:%Y%m%dT%H%M%S}",
            family.agent,
            platform.registry.version(each.name, each.version).as_of.isoformat(),
            {"model": each.name, "version": each.version, "verdict": each.verdict, "by": each.by, "why": each.why},
        )
        for each in done
    )
