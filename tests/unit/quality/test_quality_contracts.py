"""Rules are compiled from contracts, and what cannot be compiled is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quality_house import Contracts, custom, unique

from eco_assets.aurion.quality.rules import Limit, checks_of, rules_of
from eco_assets.contracts.contract import load_contracts
from eco_assets.errors import ContractError

REFERENCE = {"from": "sales.store_id", "to": "stores.odcs.yaml#stores.store_id"}


def compiled(root: Path, **sales: Any) -> list[str]:
    return [rule.words for rule in rules_of(Contracts(root, sales=sales).contract("sales"))]


def test_every_section_of_a_contract_becomes_a_rule(tmp_path: Path) -> None:
    found = compiled(
        tmp_path,
        quality=[unique("sale_id"), custom("volume", {"mustBeBetween": [-5, 5]}, by="sold_on"), custom("distribution", {"mustBe": 0})],
        relationships=[REFERENCE],
        sla=[{"property": "latency", "value": 36, "unit": "h", "element": "sales.sold_on"}, {"property": "retention", "value": 3}],
        columns={"product": {"quality": [{"metric": "nullValues", "mustBeLessThan": 1, "unit": "percent"}]}},
    )

    assert found == [
        "duplicates (sale_id): 0 rows",
        "orphans (store_id) in padaria.stores: 0 rows",
        "latency (sold_on): at most 1.5 days",
        "rows per day (sold_on): at least -5 and at most 5",
        "distribution: 0",
        "nulls (product): less than 1 percent",
    ]


def test_a_reference_may_stand_at_its_column_or_have_several(tmp_path: Path) -> None:
    both = {"from": ["sales.sale_id", "sales.price"], "to": ["receipts.odcs.yaml#receipts.sale_id", "receipts.odcs.yaml#receipts.paid"]}
    at_column = {"store_id": {"relationships": [{"to": "stores.odcs.yaml#stores.store_id"}]}}

    assert compiled(tmp_path, relationships=[both], columns=at_column) == [
        "orphans (store_id) in padaria.stores: 0 rows",
        "orphans (sale_id, price) in padaria.receipts: 0 rows",
    ]


@pytest.mark.parametrize(
    ("sales", "words"),
    [
        ({"quality": [unique("colour")]}, "names colour, which is no column"),
        ({"quality": [unique("sale_id", severity="fatal")]}, "severity 'fatal' must be one of"),
        ({"quality": [{"metric": "freshness", "mustBe": 0}]}, "no rule is made of 'freshness'"),
        ({"quality": [custom("guess", {"mustBe": 0})]}, "'guess' is not one of our rules"),
        ({"quality": [custom("volume", {})]}, "a rule needs one of mustBe"),
        ({"quality": [{"metric": "duplicateValues", "mustBe": 0}]}, "a quality rule is malformed"),
        ({"relationships": [{"from": "sales.store_id", "to": "shops.odcs.yaml#shops.id"}]}, "shops.odcs.yaml is no contract file"),
        ({"relationships": [{"from": "sales.store_id", "to": "stores.odcs.yaml#stores.colour"}]}, "names no column of padaria.stores"),
        ({"sla": [{"property": "latency", "value": 1, "unit": "fortnight", "element": "sold_on"}]}, "the units are h, d, w"),
        ({"columns": {"price": {"quality": [{"metric": "rowCount", "mustBe": 1}]}}}, "column price: no rule is made of 'rowCount'"),
    ],
)
def test_what_cannot_be_compiled_is_refused_by_name(tmp_path: Path, sales: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=words.replace("(", "\\(")):
        compiled(tmp_path, **sales)


def test_what_another_domain_delivers_can_only_warn(tmp_path: Path) -> None:
    other = tmp_path / "contracts" / "other"
    house = Contracts(tmp_path, sales={"relationships": [{**REFERENCE, "to": "../other/stores.odcs.yaml#stores.store_id"}]})
    stores = house.contract("stores").path
    other.mkdir()
    (other / "stores.odcs.yaml").write_text(
        stores.read_text(encoding="utf-8").replace("domain: padaria", "domain: other"), encoding="utf-8"
    )

    (rule,) = rules_of(house.contract("sales"))
    assert (rule.target, rule.severity) == ("other.stores", "warning")
    blocking = {
        **REFERENCE,
        "to": "../other/stores.odcs.yaml#stores.store_id",
        "customProperties": [{"property": "severity", "value": "error"}],
    }
    with pytest.raises(ContractError, match="depends on another domain, so it can only warn"):
        compiled(tmp_path, relationships=[blocking])


@pytest.mark.parametrize(
    ("limit", "inside", "outside", "words"),
    [
        (Limit(0, 0, unit="rows"), 0, 1, "0 rows"),
        (Limit(high=0.5, unit="percent"), 0.5, 0.51, "at most 0.5 percent"),
        (Limit(low=0, is_low_open=True), 1, 0, "more than 0"),
        (Limit(-5, 5), -5, 5.1, "at least -5 and at most 5"),
        (Limit(high=1, is_high_open=True), 0.99, 1, "less than 1"),
    ],
)
def test_a_limit_holds_what_it_says(limit: Limit, inside: float, outside: float, words: str) -> None:
    assert (limit.holds(inside), limit.holds(outside), str(limit)) == (True, False, words)


def test_the_shipped_contracts_compile_and_name_their_checks() -> None:
    orders = next(contract for contract in load_contracts() if contract.table == "varejo.orders")

    assert list(checks_of(orders)) == ["uniqueness", "references", "freshness", "volume", "distribution"]
