"""Cost per agent: what its computing, its language models and its actions cost, and what is expected in return.

Pure functions over ledger records. Amounts stay exact decimals here; `AgentCost.to_dict` rounds to centavos, once, at the
edge. Prices are declared in `prices.yaml`; how CPU time is measured stays out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from eco_assets.errors import ConfigError
from eco_assets.finops.prices import Prices, declared_prices

Record = Mapping[str, Any]
Amount = int | float | Decimal

_CENTAVO = Decimal("0.01")
_MILLION = 1_000_000
_SECONDS_AN_HOUR = 3_600


@dataclass(frozen=True)
class AgentCost:
    """What one agent cost and is expected to bring over the records given.

    Attributes:
        agent: machine name.
        decisions, executions: how many records the amounts come from.
        compute_brl, model_brl, action_brl: parts of the cost, exact.
        expected_value_brl: sum of `value_brl` of the decisions, as their policies state it.
    """

    agent: str
    decisions: int
    executions: int
    compute_brl: Decimal
    model_brl: Decimal
    action_brl: Decimal
    expected_value_brl: Decimal

    @property
    def total_brl(self) -> Decimal:
        """Return the sum of the parts."""
        return self.compute_brl + self.model_brl + self.action_brl

    @property
    def total_per_decision_brl(self) -> Decimal | None:
        """Return the cost of one decision, or None where there was none."""
        return self.total_brl / self.decisions if self.decisions else None

    @property
    def return_on_cost(self) -> Decimal | None:
        """Return the expected value for each real spent, or None where nothing was spent."""
        return self.expected_value_brl / self.total_brl if self.total_brl else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for tables and pages: amounts and the return rounded half up to two places."""
        return {
            "agent": self.agent,
            "decisions": self.decisions,
            "executions": self.executions,
            "compute_brl": _rounded(self.compute_brl),
            "model_brl": _rounded(self.model_brl),
            "action_brl": _rounded(self.action_brl),
            "total_brl": _rounded(self.total_brl),
            "total_per_decision_brl": _rounded(self.total_per_decision_brl),
            "expected_value_brl": _rounded(self.expected_value_brl),
            "return_on_cost": _rounded(self.return_on_cost),
        }


def cost_of(
    agent: str,
    *,
    cpu_seconds: Amount,
    tokens_usd: Amount,
    actions_brl: Amount,
    decisions: int = 0,
    executions: int = 0,
    expected_value_brl: Amount = 0,
    tokens_brl: Amount = 0,
    prices: Prices | None = None,
) -> AgentCost:
    """Return the cost of one agent.

    Args:
        agent: machine name.
        cpu_seconds: CPU time used, in seconds.
        tokens_usd: what language models billed, in US dollars.
        actions_brl: what the actions cost, in reais.
        decisions: how many decisions this covers.
        executions: how many executions this covers.
        expected_value_brl: expected value of the decisions, in reais.
        tokens_brl: what language models cost that are priced in reais.
        prices: unit prices; the declared ones when not given.

    Raises:
        ValueError: an amount is not finite, or a quantity used is negative.
    """
    prices = prices or declared_prices()
    used = {"cpu_seconds": cpu_seconds, "tokens_usd": tokens_usd, "actions_brl": actions_brl, "tokens_brl": tokens_brl}
    exact = {name: _exact(name, amount) for name, amount in used.items()}
    negative = [name for name, amount in exact.items() if amount < 0]
    if negative:
        raise ValueError(f"{agent}: {', '.join(negative)} must not be negative")
    return AgentCost(
        agent=agent,
        decisions=decisions,
        executions=executions,
        compute_brl=exact["cpu_seconds"] / _SECONDS_AN_HOUR * prices.cpu_hour_brl,
        model_brl=exact["tokens_usd"] * prices.usd_brl + exact["tokens_brl"],
        action_brl=exact["actions_brl"],
        expected_value_brl=_exact("expected_value_brl", expected_value_brl),
    )


def cost_per_agent(
    decisions: Sequence[Record],
    executions: Sequence[Record],
    cpu_seconds: Mapping[str, float],
    prices: Prices | None = None,
) -> list[AgentCost]:
    """Return the cost of every agent that decided, acted or computed, by name.

    Args:
        decisions: decision records; `cost_usd`, `tokens`, `provider` and `value_brl` count.
        executions: execution records; `cost_brl` counts whatever the outcome, since it was spent.
        cpu_seconds: agent → CPU time in seconds.
        prices: unit prices; the declared ones when not given.

    Raises:
        ConfigError: a decision used tokens of a provider that reports no cost and has no declared price.
    """
    prices = prices or declared_prices()
    agents = {str(record["agent"]) for record in (*decisions, *executions)} | set(cpu_seconds)
    return [_cost(agent, decisions, executions, cpu_seconds.get(agent, 0.0), prices) for agent in sorted(agents)]


def _cost(agent: str, decisions: Sequence[Record], executions: Sequence[Record], cpu: float, prices: Prices) -> AgentCost:
    decided = [decision for decision in decisions if decision["agent"] == agent]
    done = [execution for execution in executions if execution["agent"] == agent]
    return cost_of(
        agent,
        cpu_seconds=cpu,
        tokens_usd=_sum(decided, "cost_usd"),
        actions_brl=_sum(done, "cost_brl"),
        decisions=len(decided),
        executions=len(done),
        expected_value_brl=_sum(decided, "value_brl"),
        tokens_brl=sum((_tokens_brl(decision, prices) for decision in decided), Decimal(0)),
        prices=prices,
    )


def _tokens_brl(decision: Record, prices: Prices) -> Decimal:
    tokens = int(decision.get("tokens") or 0)
    if not tokens or decision.get("cost_usd"):
        return Decimal(0)
    provider = str(decision.get("provider"))
    if provider not in prices.tokens_brl_per_million:
        known = ", ".join(sorted(prices.tokens_brl_per_million))
        message = f"prices.yaml: tokens_brl_per_million has no provider {provider!r}; add it beside {known}"
        raise ConfigError(message)
    return prices.tokens_brl_per_million[provider] * tokens / _MILLION


def _sum(records: Sequence[Record], name: str) -> Decimal:
    return sum((_exact(name, record.get(name) or 0) for record in records), Decimal(0))


def _exact(name: str, amount: Amount) -> Decimal:
    """Return the decimal that the amount is written as: 0.1 is a tenth, not its nearest binary fraction."""
    if not math.isfinite(amount):
        raise ValueError(f"{name} is {amount}: an amount must be a finite number")
    return Decimal(str(amount))


def _rounded(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount.quantize(_CENTAVO, rounding=ROUND_HALF_UP))
