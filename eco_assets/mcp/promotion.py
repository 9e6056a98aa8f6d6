"""Whether a policy version may take over, from its replay: one report with flips, deltas and estimates, and a verdict that says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eco_assets.ledger import Ledger
from eco_assets.mcp.off_policy import OffPolicy
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.replay import Pair, Reproduced, compare, off_policy, outcomes_of, records_of, reproduce, segment_of

_SEGMENTS = 20  # a feature with more values than these is no segment


@dataclass(frozen=True)
class Gate:
    """What a version must keep to be promoted. The last two count only where there are outcomes."""

    max_flips: float = 0.2
    min_ess: float = 100.0
    tolerance_brl: float = 0.0


@dataclass(frozen=True)
class Report:
    """A replay in figures. `flips` is a share; `by_action` and `by_segment` give decisions and flips; deltas are new less logged."""

    policy: str
    version: str
    digest: str
    decisions: int
    reproduced: Reproduced
    flips: float
    by_action: dict[str, dict[str, int]]
    by_segment: dict[str, dict[str, int]]
    segment: str
    value_delta_brl: float
    cost_delta_brl: float
    approvals_delta: int
    errors: int
    unseen: int
    off_policy: OffPolicy | None
    problems: tuple[str, ...]

    @property
    def may_be_promoted(self) -> bool:
        """The gate's verdict."""
        return not self.problems

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "may_be_promoted": self.may_be_promoted}


def replay(ledger: Ledger, policy: Policy, since: str, until: str, segment: str | None = None, gate: Gate = Gate()) -> Report:
    """Replay the point's decisions of some days with a version of its policy.

    Args:
        ledger: what was decided, and what came of it.
        policy: the version to judge.
        since: first business day, ISO.
        until: last business day, ISO.
        segment: a feature to split by; the first text feature with few values by default.
        gate: what must hold.

    Raises:
        NotFound: nothing was decided in those days.
    """
    records = records_of(ledger, policy, since, until)
    reproduced, pairs = reproduce(ledger, records), compare(records, policy)
    chosen = _segment(pairs) if segment is None else segment
    estimated = off_policy(pairs, outcomes_of(ledger, policy, since, until), chosen)
    flips = sum(pair.is_flip for pair in pairs) / max(len(pairs), 1)
    errors, unseen = sum(bool(pair.new["errors"]) for pair in pairs), sum(bool(pair.unseen) for pair in pairs)
    return Report(
        policy=policy.name,
        version=policy.version,
        digest=policy.digest,
        decisions=len(records),
        reproduced=reproduced,
        flips=flips,
        by_action=_counts(pairs, [f"{pair.logged['action']} → {pair.new['action']}" for pair in pairs]),
        by_segment=_counts(pairs, [segment_of(pair.logged, chosen) for pair in pairs]),
        segment=chosen,
        value_delta_brl=_delta(pairs, "value_brl"),
        cost_delta_brl=_delta(pairs, "cost_brl"),
        approvals_delta=int(_delta(pairs, "requires_approval")),
        errors=errors,
        unseen=unseen,
        off_policy=estimated,
        problems=tuple(_problems(gate, len(pairs), reproduced, flips, errors, unseen, estimated)),
    )


def _problems(
    gate: Gate, replayed: int, reproduced: Reproduced, flips: float, errors: int, unseen: int, estimated: OffPolicy | None
) -> list[str]:
    found = []
    if not replayed:
        found.append("no decision could be replayed: they are from before the ledger kept what a replay needs")
    if not reproduced.is_exact:
        found.append(f"{len(reproduced.differing)} decision(s) do not come out the same with their own policy: the engine has changed")
    if flips > gate.max_flips:
        found.append(f"{flips:.1%} of the decisions change, at most {gate.max_flips:.1%} may")
    if errors:
        found.append(f"{errors} decision(s) fail and get the safe action")
    if unseen:
        found.append(f"{unseen} decision(s) would ask what the log has no answer to: their result is a guess")
    if estimated is not None and estimated.ess < gate.min_ess:
        found.append(f"the outcomes are worth {estimated.ess:.0f} decisions of this version, {gate.min_ess:.0f} are needed")
    if estimated is not None and estimated.dr.low < estimated.logged.value - gate.tolerance_brl:
        found.append(
            f"it may earn only R$ {estimated.dr.low:.2f} a decision (95 %), the one that decided earned R$ {estimated.logged.value:.2f}"
        )
    return found


def _segment(pairs: Sequence[Pair]) -> str:
    for name in sorted({name for pair in pairs for name, value in pair.logged["features"].items() if isinstance(value, str)}):
        if 1 < len({pair.logged["features"].get(name) for pair in pairs}) <= _SEGMENTS:
            return str(name)
    return ""


def _counts(pairs: Sequence[Pair], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    totals, flips = Counter(labels), Counter(label for pair, label in zip(pairs, labels, strict=True) if pair.is_flip)
    return {label: {"decisions": count, "flips": flips[label]} for label, count in totals.most_common()}


def _delta(pairs: Sequence[Pair], key: str) -> float:
    return round(sum(float(pair.new[key]) - float(pair.logged[key]) for pair in pairs), 2)
