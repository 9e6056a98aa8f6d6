"""The rules of the contracts as they are shipped, over the generated business."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import TWIN_DAY

from eco_assets.aurion.quality.examine import examine
from eco_assets.aurion.quality.findings import Finding
from eco_assets.aurion.quality.payments import CLASSES, counts, explain
from eco_assets.aurion.quality.rules import CHECKS, checks_of, rules_of
from eco_assets.contracts.contract import load_contracts
from eco_assets.platform import Platform


def test_every_rule_of_every_contract_holds_on_the_twin_or_says_what_it_lacks(twin_findings: list[Finding]) -> None:
    assert [(each.rule.table, each.words) for each in twin_findings if not each.is_ok] == []
    silent = {each.rule.kind for each in twin_findings if not each.is_judged}
    assert silent == {"rows_per_load", "distribution"}  # a first load has no past


def test_all_kinds_of_rules_are_used(twin_findings: list[Finding]) -> None:
    assert {each.rule.check for each in twin_findings} == set(CHECKS) - {"validity"}
    assert len(twin_findings) == sum(len(rules_of(contract)) for contract in load_contracts()) > 100


def test_every_table_is_watched_for_volume_and_distribution() -> None:
    delivered = [contract for contract in load_contracts() if contract.server == "files"]
    assert len(delivered) == 25
    for contract in delivered:
        assert {"volume", "distribution"} <= set(checks_of(contract)), contract.table


def test_only_an_empty_table_blocks() -> None:
    blocking = {(rule.kind, rule.severity) for contract in load_contracts() for rule in rules_of(contract) if rule.severity == "error"}
    assert blocking == {("row_count", "error")}


def test_references_lead_to_tables_that_have_contracts(twin_findings: list[Finding]) -> None:
    known = {contract.table for contract in load_contracts()}
    targets = {each.rule.target for each in twin_findings if each.rule.kind == "orphans"}
    assert targets <= known
    assert {
        "varejo.orders",
        "varejo.products",
        "varejo.sellers",
        "comercial.leads",
        "financeiro.accounts",
        "financeiro.payments",
    } <= targets


def test_sources_that_stop_are_late_on_later_days(twin_served: Platform) -> None:
    orders = [contract for contract in load_contracts() if contract.table == "varejo.orders"]
    with twin_served.lake.raw() as db:
        from eco_assets.aurion.quality.examine import judge

        found, _ = judge(db, orders, TWIN_DAY + timedelta(days=3))

    late = {each.rule.kind: each.is_ok for each in found.findings}
    assert (late["latency"], late["rows_per_day"]) == (False, False)


class TestPayments:
    """Orders whose payments do not equal items plus freight."""

    def test_the_orders_are_those_that_the_twin_planted(
        self, twin_served: Platform, twin_findings: list[Finding], twin_files: Path
    ) -> None:
        planted = json.loads((twin_files / "_truth.json").read_text(encoding="utf-8"))["varejo"]["payment_mismatches_brl"]
        with twin_served.lake.raw() as db:
            found = explain(db)

        apart = {each.order_id: each.amount for each in found if each.due is not None and each.paid is not None}
        assert apart == pytest.approx({order: brl for order, brl in planted.items() if abs(brl) > 0.02})
        assert len(apart) > 0

    def test_no_interest_is_seen_where_none_was_charged(self, twin_served: Platform) -> None:
        with twin_served.lake.raw() as db:
            found = counts(explain(db))

        assert {line["class"] for line in found} <= {"no_items", "instalment_surcharge", "paid_more", "paid_less"}

    def test_people_read_them_in_a_table(self, twin_served: Platform, twin_findings: list[Finding]) -> None:
        with twin_served.lake.raw() as db:
            kept = db.execute("SELECT class, count(*), any_value(meaning) FROM quality.payment_differences GROUP BY 1").fetchall()
            counted = Counter(each.kind for each in explain(db))

        assert {kind: count for kind, count, _ in kept} == counted
        assert all(CLASSES[kind] == meaning for kind, _, meaning in kept)


def test_no_profile_holds_personal_data(twin_served: Platform, twin_findings: list[Finding]) -> None:
    personal = {
        (contract.table, column.name)
        for contract in load_contracts()
        for column in contract.columns
        if column.is_personal or column.classification == "restricted"
    }
    with twin_served.lake.raw() as db:
        kept = {
            (table, column): bins for table, column, bins in db.execute("SELECT tbl, column_name, bins FROM aurion.profiles").fetchall()
        }

    assert personal & set(kept)
    assert {kept[key] for key in personal & set(kept)} == {"[]"}


def test_looking_again_writes_nothing(twin_served: Platform, twin_findings: list[Finding]) -> None:
    snapshots = twin_served.lake.snapshots("raw")

    assert examine(twin_served.lake, load_contracts(), TWIN_DAY) == twin_findings
    assert twin_served.lake.snapshots("raw") == snapshots
