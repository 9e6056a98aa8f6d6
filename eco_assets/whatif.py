"""What would have been decided: a range of days decided anew on a ledger of its own.

Nothing is carried out, and nothing is asked of a language model.
The marts and predictions are those that the lake has of each day, so a what-if sees what that day knew.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.day import newest_decisions
from eco_assets.errors import ConfigError, NotFound
from eco_assets.ledger import Ledger

if TYPE_CHECKING:
    from eco_assets.platform import Platform

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass
class Compared:
    """One decision point of one day: how many were decided, how many otherwise than in the real ledger, and the actions of both.

    `why` says why there is nothing to compare; `real` is empty where the day was never decided for real.
    """

    day: str
    point: str
    decided: int = 0
    otherwise: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    real: dict[str, int] = field(default_factory=dict)
    cost_brl: float = 0.0
    real_cost_brl: float = 0.0
    why: str = ""


def days_of(first: date, last: date) -> list[date]:
    """Every day of a range, both ends included. Raises `ConfigError` where it ends before it begins."""
    if last < first:
        raise ConfigError(f"the range ends on {last}, before it begins on {first}")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def side_ledger(platform: Platform, name: str) -> Ledger:
    """The ledger of a what-if: `whatif/<name>/ledger.db` under the home. Raises `ConfigError` where the name is no plain word."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name for a what-if; use small letters, digits, - and _")
    return Ledger(platform.settings.home / "whatif" / name / "ledger.db")


def what_if(
    platform: Platform, first: date, last: date, name: str, *, policies: Path | None = None, agent: str | None = None
) -> Iterator[Compared]:
    """Decide every point of every day on the side ledger, and compare with the real one.

    Args:
        platform: whose marts, models and ledger; only read.
        first: of the range.
        last: of the range, included.
        name: of the what-if; the same name goes on where it ended.
        policies: a folder with other policies, `<agent>/<point>.yaml`; the installation's by default.
        agent: only this agent's points.

    Raises:
        ConfigError: the range, the name or the folder is wrong.
        PolicyError: a policy is.
    """
    from eco_assets.mcp.policies import POLICIES, load_policies

    if policies is not None and not policies.is_dir():
        raise ConfigError(f"{policies} is no folder of policies")
    side, chosen = side_ledger(platform, name), load_policies(policies or POLICIES)
    for day in days_of(first, last):
        for policy in chosen.values():
            if agent in (None, policy.agent):
                yield _decide(platform, side, policy, day)


def _decide(platform: Platform, side: Ledger, policy: Any, day: date) -> Compared:
    from eco_assets.mcp.batch import decide_day, read_contexts
    from eco_assets.model_versions import model_versions

    found = Compared(day.isoformat(), policy.name)
    try:
        contexts = read_contexts(platform.lake, policy, day, model_versions(platform, policy, day))
    except NotFound as error:
        found.why = str(error)
        return found
    decided = decide_day(side, policy, contexts, uuid.uuid4().hex)
    real = {d["subject"]: d for d in newest_decisions(platform.ledger, policy.agent, found.day) if d["point"] == policy.point}
    found.decided = len(decided.decisions)
    found.otherwise = sum(1 for d in decided.decisions if d["subject"] in real and d["action"] != real[d["subject"]]["action"])
    found.actions = dict(Counter(d["action"] for d in decided.decisions))
    found.real = dict(Counter(d["action"] for d in real.values()))
    found.cost_brl = round(sum(d["cost_brl"] for d in decided.decisions), 2)
    found.real_cost_brl = round(sum(d["cost_brl"] for d in real.values()), 2)
    return found


def as_row(found: Compared) -> tuple[str, ...]:
    """A line of a table: day, point, decided, otherwise, actions, cost."""
    actions = json.dumps(found.actions, ensure_ascii=False) if not found.why else found.why
    return (
        found.day,
        found.point,
        str(found.decided),
        str(found.otherwise),
        actions,
        f"{found.cost_brl:.2f}",
        f"{found.real_cost_brl:.2f}",
    )
