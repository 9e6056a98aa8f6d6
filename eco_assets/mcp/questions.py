"""What a policy asks of a model, and what comes back. Both are plain data: the engine makes questions, the gateway answers them.

A question's `text` and `choices` come from the policy and are trusted. Its `evidence` is data about the subject: it may hold anything,
is masked before it leaves, and is never read as an instruction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Evidence = float | int | str | bool | None
Kind = Literal["choice", "predicate", "score"]


@dataclass(frozen=True)
class Choice:
    """One permitted answer: `value` is what rules compare, `meaning` what a model is told."""

    value: str
    meaning: str = ""


@dataclass(frozen=True)
class AskLimits:
    """What one answer may cost. `deadline_ms` covers every hop together, `max_cost_micro_usd` their sum (1 USD = 1,000,000)."""

    deadline_ms: int = 150
    max_output_tokens: int = 60
    max_cost_micro_usd: int = 500


@dataclass(frozen=True)
class Question:
    """One question about one subject.

    `id` is the ask rule's; `key` is `<decision id>/<id>` and seeds exploration. A predicate's choices are `true` and `false`; a
    score's are its levels in ascending order. An answer of less confidence than `min_confidence` is an abstention.
    """

    id: str
    key: str
    agent: str
    point: str
    subject: str
    kind: Kind
    text: str
    choices: tuple[Choice, ...]
    evidence: Mapping[str, Evidence]
    min_confidence: float = 0.8
    route: str = "default"
    limits: AskLimits = AskLimits()


@dataclass(frozen=True)
class Hop:
    """One attempt of the ladder. `outcome` is `answered`, `unsure` or why it was left: the error tree's name or `skipped: ...`."""

    provider: str
    model: str
    endpoint: str
    outcome: str
    ms: float = 0.0
    http_status: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_micro_usd: int = 0
    breaker: str = "closed"


@dataclass(frozen=True)
class Answer:
    """What came back. `choice` is None when nobody answered with enough confidence: the policy then says what holds.

    `provider` is `none` where no model answered and `cache` never: `is_cached` says that the hops belong to an earlier answer.
    `propensity` is the probability with which the router took the route that it took.
    """

    question: str
    choice: str | None
    confidence: float = 0.0
    probabilities: Mapping[str, float] = field(default_factory=dict)
    provider: str = "none"
    model: str = "none"
    propensity: float = 1.0
    is_cached: bool = False
    masked: int = 0
    hops: tuple[Hop, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of all hops, in and out; none for an answer from the cache."""
        return 0 if self.is_cached else sum(hop.input_tokens + hop.output_tokens for hop in self.hops)

    @property
    def cost_micro_usd(self) -> int:
        """Cost of all hops, failures included; none for an answer from the cache."""
        return 0 if self.is_cached else sum(hop.cost_micro_usd for hop in self.hops)

    def record(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)
