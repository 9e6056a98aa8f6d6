"""Cost per agent."""

from decimal import Decimal
from pathlib import Path

import pytest

from eco_assets.errors import ConfigError
from eco_assets.finops.costs import cost_of, cost_per_agent
from eco_assets.finops.prices import PRICES_FILE, Prices, load_prices

PRICES = Prices(stated_on="2018-05-31", note="test", cpu_hour_brl="0.36", usd_brl="5", tokens_brl_per_million={"none": "0", "local": "2"})


def test_the_parts_of_a_cost_add_up() -> None:
    cost = cost_of("varejo", cpu_seconds=100, tokens_usd=0.2, actions_brl=1.5, decisions=4, prices=PRICES)
    assert (cost.compute_brl, cost.model_brl, cost.action_brl) == (Decimal("0.01"), Decimal(1), Decimal("1.5"))
    assert cost.total_brl == Decimal("2.51")
    assert cost.total_per_decision_brl == Decimal("0.6275")


def test_money_is_rounded_only_at_the_edge() -> None:
    decisions = [{"agent": "varejo", "value_brl": 0.004, "cost_usd": 0.0} for _ in range(1000)]
    cost = cost_per_agent(decisions, [], {}, PRICES)[0]
    assert cost.to_dict()["expected_value_brl"] == 4.0
    half = cost_of("a", cpu_seconds=0, tokens_usd=0, actions_brl=0.125, prices=PRICES)
    assert half.to_dict()["action_brl"] == 0.13


def test_nothing_spent_and_nothing_decided_have_no_ratio() -> None:
    cost = cost_of("varejo", cpu_seconds=0, tokens_usd=0, actions_brl=0, expected_value_brl=10, prices=PRICES)
    assert cost.return_on_cost is None
    assert cost.total_per_decision_brl is None
    assert cost.to_dict()["return_on_cost"] is None


@pytest.mark.parametrize(("seconds", "dollars"), [(-1, 0), (0, float("nan")), (float("inf"), 0)])
def test_an_impossible_amount_is_refused(seconds: float, dollars: float) -> None:
    with pytest.raises(ValueError, match="must"):
        cost_of("varejo", cpu_seconds=seconds, tokens_usd=dollars, actions_brl=0, prices=PRICES)


def test_every_agent_that_decided_acted_or_computed_has_a_line() -> None:
    decisions = [{"agent": "varejo", "value_brl": 90.0, "cost_usd": 0.1}, {"agent": "varejo", "value_brl": None}]
    executions = [{"agent": "agencia", "outcome": "failed", "cost_brl": 2.0}]
    lines = {cost.agent: cost for cost in cost_per_agent(decisions, executions, {"industrial": 3600.0}, PRICES)}
    assert list(lines) == ["agencia", "industrial", "varejo"]
    assert lines["agencia"].action_brl == 2
    assert lines["industrial"].compute_brl == Decimal("0.36")
    assert (lines["varejo"].decisions, lines["varejo"].return_on_cost) == (2, Decimal(180))


def test_tokens_without_a_billed_cost_are_priced_by_their_provider() -> None:
    decision = {"agent": "varejo", "provider": "local", "tokens": 500_000, "cost_usd": 0.0, "value_brl": 0.0}
    assert cost_per_agent([decision], [], {}, PRICES)[0].model_brl == 1
    billed = decision | {"cost_usd": 1.0}
    assert cost_per_agent([billed], [], {}, PRICES)[0].model_brl == 5


def test_tokens_of_an_undeclared_provider_are_refused_by_name() -> None:
    decision = {"agent": "varejo", "provider": "nova", "tokens": 5, "cost_usd": 0.0}
    with pytest.raises(ConfigError, match="no provider 'nova'; add it beside local, none"):
        cost_per_agent([decision], [], {}, PRICES)


def test_the_declared_prices_load() -> None:
    assert load_prices().usd_brl > 0


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [("cpu_hour_brl", "cpu_hours", "cpu_hour"), ('"5.40"', '"-1"', "usd_brl"), ("note:", "note: [", "cannot be read")],
)
def test_a_malformed_price_file_is_refused_by_file_and_key(tmp_path: Path, old: str, new: str, named: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(PRICES_FILE.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ConfigError, match=f"prices.yaml: .*{named}"):
        load_prices(file)
