"""Which rung of a route is asked first: the one that is worth most, and now and then another, so that its worth stays known.

Two questions of a hundred are asked of a permitted rung drawn at random; the draw is seeded by the question's key, and the probability
of the rung that was taken is kept with the answer, so that `off_policy.py` can value other routers on what was logged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from eco_assets.mcp.questions import Evidence, Question

if TYPE_CHECKING:
    from ml.routing_outcomes import OutcomeModel

EPSILON = 0.02


class Router(Protocol):
    """Values rungs for a question."""

    def worth(self, question: Question, rungs: Sequence[str]) -> Sequence[float | None]:
        """Expected reward of asking each rung first (see `ml/routing`), in their order; None where nothing is known of it."""
        ...


@dataclass(frozen=True)
class Chosen:
    """The order in which rungs are asked, as positions, and the probability of the first of them."""

    order: tuple[int, ...]
    propensity: float


@dataclass(frozen=True)
class LearntRouter:
    """A router that was learnt from logged outcomes."""

    model: OutcomeModel

    def worth(self, question: Question, rungs: Sequence[str]) -> list[float | None]:
        """See `Router.worth`."""
        text = text_for(question.agent, question.point, question.id, question.evidence)
        found = [self.model.worth([text], rung) for rung in rungs]
        return [None if values is None else float(values[0]) for values in found]


def text_for(agent: str, point: str, ask: str, evidence: Mapping[str, Evidence]) -> str:
    """What a router reads: where the question comes from, and the texts of its evidence in the order of their names."""
    said = [value for _, value in sorted(evidence.items()) if isinstance(value, str)]
    return " ".join([f"{agent}_{point}_{ask}", *said])


def choose(question: Question, rungs: Sequence[str], permitted: Sequence[int], router: Router | None, epsilon: float = EPSILON) -> Chosen:
    """The order of a route's rungs.

    Args:
        question: its key seeds the draw.
        rungs: names, in the declared order.
        permitted: positions that can be asked now; only among these is chosen, the others stay in the order, to be logged.
        router: values the permitted ones; without one, or where it knows nothing of any, the declared order holds.
        epsilon: probability of drawing.
    """
    if not permitted:
        return Chosen(tuple(range(len(rungs))), 1.0)
    worth = router.worth(question, [rungs[at] for at in permitted]) if router is not None else [None] * len(permitted)
    known = [(value, -at) for value, at in zip(worth, permitted, strict=True) if value is not None]
    best = -max(known)[1] if known else permitted[0]
    if len(permitted) == 1:
        return Chosen(_first(best, len(rungs), permitted), 1.0)
    draw, which = _draws(question.key)
    first = permitted[int(which * len(permitted))] if draw < epsilon else best
    share = epsilon / len(permitted)
    return Chosen(_first(first, len(rungs), permitted), 1 - epsilon + share if first == best else share)


def _first(first: int, count: int, permitted: Sequence[int]) -> tuple[int, ...]:
    """The declared order with `first` in front, unless only rungs that cannot be asked stand before it."""
    if first == min(permitted):
        return tuple(range(count))
    return (first, *(at for at in range(count) if at != first))


def _draws(key: str) -> tuple[float, float]:
    """Two numbers in [0, 1) that depend on the key alone."""
    digest = hashlib.sha256(f"route\x1f{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:16], "big") / 2**64
