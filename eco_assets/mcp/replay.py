"""Recorded decisions through the engine again: with their own policy, which must give the same, and with another, to see what changes.

Reads the ledger only. A question that the log holds no answer to is counted and takes the rule's `otherwise`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eco_assets.errors import NotFound
from eco_assets.ledger import Ledger, canonical
from eco_assets.mcp.engine import Context, Digest, Spent, decide, questions
from eco_assets.mcp.off_policy import OffPolicy, estimate
from eco_assets.mcp.outcomes import rewards
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.policy_ledger import recorded_policy
from eco_assets.mcp.questions import Answer, Hop
from eco_assets.mcp.tally import Tally

Record = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A recorded decision and the other policy's about the same subject; `unseen` are questions without a recorded answer."""

    logged: Record
    new: Record
    unseen: tuple[str, ...]

    @property
    def is_flip(self) -> bool:
        """Whether the action differs."""
        return bool(self.logged["action"] != self.new["action"])


@dataclass(frozen=True)
class Reproduced:
    """How many decisions came out the same with the policy that made them. `lost` have no recorded policy, `differing` name id and keys."""

    same: int
    lost: int
    differing: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Whether every decision that can be replayed came out the same."""
        return not self.differing


def context_of(record: Mapping[str, Any]) -> Context:
    """The context that a decision was made on; of its evidence only digests are left."""
    return Context(
        subject=record["subject"],
        as_of=record["as_of"],
        features=record["features"],
        predictions=record["predictions"],
        models=tuple((model["name"], model["version"]) for model in record["models"]),
        feature_version=record["feature_version"],
        age_hours=record["age_hours"],
        evidence={name: Digest(digest) for name, digest in record["evidence"].items()},
    )


def answers_of(record: Mapping[str, Any]) -> dict[str, Answer]:
    """The answers that a decision was made with."""
    found = {}
    for name, kept in record["answers"].items():
        if "question" in kept:
            fields = {key: value for key, value in kept.items() if key != "used"}
            found[name] = Answer(**{**fields, "hops": tuple(Hop(**hop) for hop in fields["hops"])})
    return found


def decide_again(record: Mapping[str, Any], policy: Policy) -> Record:
    """The decision that a policy makes on a recorded context, answers and spending; as JSON gives it back."""
    spent = record["spent"]
    before = Spent(spent["actions"], spent["cost_brl"], {record["subject"]: spent["subject_actions"]})
    found: Record = json.loads(canonical(decide(context_of(record), policy, before, answers_of(record))))
    return found


def reproduce(ledger: Ledger, records: Sequence[Record]) -> Reproduced:
    """Replay decisions with the policies that made them, taken from the ledger by their digests."""
    policies = cache(lambda digest: _policy_or_none(ledger, digest))
    same, lost, differing = 0, 0, []
    for record in records:
        policy = policies(record["policy"]["digest"]) if "spent" in record else None
        if policy is None:
            lost += 1
            continue
        again = decide_again(record, policy)
        keys = [key for key, value in again.items() if record.get(key) != value]
        if keys:
            differing.append(f"{record['decision_id']}: {', '.join(keys)}")
        same += not keys
    return Reproduced(same, lost, tuple(differing))


def _policy_or_none(ledger: Ledger, digest: str) -> Policy | None:
    try:
        return recorded_policy(ledger, digest)
    except NotFound:
        return None


def compare(records: Sequence[Record], policy: Policy) -> list[Pair]:
    """Replay decisions with another policy, whose own actions use up the day's limits, in the order in which they were made."""
    tallies: dict[str, Tally] = {}
    pairs = []
    for record in records:
        if "spent" not in record:
            continue
        context, known = context_of(record), answers_of(record)
        tally = tallies.setdefault(record["as_of"], Tally())
        new = decide(context, policy, tally.spent(context.subject), known)
        tally.add(new["decision_id"], context.subject, new["workflow"], new["cost_brl"])
        unseen = tuple(question.id for question in questions(context, policy) if question.id not in known)
        pairs.append(Pair(record, new, unseen))
    return pairs


def off_policy(pairs: Sequence[Pair], earned: Mapping[str, float], segment: str = "") -> OffPolicy | None:
    """The new policy's value by the outcomes of the logged decisions; None where there are none."""
    import numpy as np

    known = [pair for pair in pairs if pair.logged["decision_id"] in earned]
    if not known:
        return None
    names = sorted({option["action"] for pair in known for side in (pair.logged, pair.new) for option in side["alternatives"]})
    column = {name: number for number, name in enumerate(names)}
    logged, new = np.zeros((2, len(known), len(names)))
    for row, pair in enumerate(known):
        for matrix, side in ((logged, pair.logged), (new, pair.new)):
            for option in side["alternatives"]:
                matrix[row, column[option["action"]]] = option["propensity"]
    segments = sorted({segment_of(pair.logged, segment) for pair in known})
    return estimate(
        actions=np.array([column[pair.logged["action"]] for pair in known]),
        rewards=np.array([earned[pair.logged["decision_id"]] for pair in known]),
        logged=logged,
        new=new,
        groups=np.array([segments.index(segment_of(pair.logged, segment)) for pair in known]),
    )


def segment_of(record: Mapping[str, Any], name: str) -> str:
    """A decision's segment: the value of that feature; all are one segment without a name."""
    return str(record["features"].get(name)) if name else "all"


def records_of(ledger: Ledger, policy: Policy, since: str, until: str) -> list[Record]:
    """The point's decisions of the business days from `since` to `until`, ISO, in the order in which they were made.

    Raises:
        NotFound: there is none.
    """
    found = ledger.list("decision", agent=policy.agent, since=since, as_of=until)
    mine = [record for record in found if record["point"] == policy.point]
    if not mine:
        raise NotFound(f"no decision of {policy.name} from {since} to {until} is in the ledger; decide some first, or take other days")
    return mine


def outcomes_of(ledger: Ledger, policy: Policy, since: str, until: str) -> dict[str, float]:
    """Rewards of the point's agent in those days, by decision."""
    return rewards(ledger, policy.agent, since, until)
