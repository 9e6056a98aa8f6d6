"""Changes of contracts: each asks for the version that its line in the table of rules says."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract_house import Document, Edit, column, compatibility, custom, terms, with_column, without_column

from eco_assets.contracts.changes import changes, is_widened, required_bump
from eco_assets.contracts.contract import SOURCES
from eco_assets.contracts.rules import RULES, Level, as_markdown
from eco_assets.contracts.terms import read_terms
from eco_assets.errors import ContractError
from eco_assets.settings import PROJECT_ROOT

AMOUNT = with_column("amount", physicalType="DECIMAL(12,2)")
ORIGINS = ["direct_traffic", "display", "email"]


def values(*allowed: str) -> Edit:
    rule = {"type": "library", "metric": "invalidValues", "arguments": {"validValues": list(allowed)}, "mustBe": 0, "severity": "error"}
    return with_column("origin", quality=[rule] if allowed else None)


def table_rule(**fields: object) -> Edit:
    def edit(document: Document) -> None:
        document["schema"][0]["quality"] = [{"type": "library", "metric": "rowCount", "severity": "error", **fields}]

    return edit


def no_rules(document: Document) -> None:
    del document["schema"][0]["quality"]


def said(name: str, value: str | None) -> Edit:
    def edit(document: Document) -> None:
        AMOUNT(document)
        column(document, "amount")["customProperties"] = [{"property": name, "value": value}] if value else []

    return edit


def reference(**limits: object) -> Edit:
    def edit(document: Document) -> None:
        said = [{"property": name, "value": value} for name, value in limits.items()]
        entry = {"type": "foreignKey", "from": "leads.mql_id", "to": "closed_deals.odcs.yaml#closed_deals.mql_id", "customProperties": said}
        document["schema"][0]["relationships"] = [entry]

    return edit


def service(*levels: tuple[str, object, str]) -> Edit:
    def edit(document: Document) -> None:
        document["slaProperties"] = [{"property": name, "value": value, "unit": unit} for name, value, unit in levels]

    return edit


def put(name: str, value: object) -> Edit:
    def edit(document: Document) -> None:
        document[name] = value

    return edit


def server(**fields: str) -> Edit:
    def edit(document: Document) -> None:
        document["servers"][0].update(fields)

    return edit


def keyed_by_page(document: Document) -> None:
    column(document, "mql_id").update(primaryKey=False)
    column(document, "landing_page_id").update(primaryKey=True, primaryKeyPosition=1)


def nothing(_: Document) -> None:
    return


def bounds(**fields: int) -> Edit:
    return with_column("n", logicalTypeOptions=fields or None)


CASES: list[tuple[str, Edit, Edit, list[str]]] = [
    ("nothing", nothing, nothing, []),
    ("a column goes", nothing, without_column("origin"), ["column_removed"]),
    ("a column is renamed in the lake", nothing, with_column("origin", name="channel", physicalName="origin"), ["column_renamed"]),
    ("a column is called otherwise everywhere", nothing, with_column("origin", name="channel"), ["column_removed", "column_added"]),
    ("an optional column comes", nothing, AMOUNT, ["column_added"]),
    ("a required column comes", nothing, with_column("x", required=True), ["required_column_added"]),
    ("the file's column is renamed", nothing, with_column("origin", physicalName="source"), ["file_column_renamed"]),
    ("a type is widened", AMOUNT, with_column("amount", physicalType="DECIMAL(14,2)"), ["type_widened"]),
    ("a type is narrowed", AMOUNT, with_column("amount", physicalType="DECIMAL(10,2)"), ["type_changed"]),
    ("a type is spelled with a space", AMOUNT, with_column("amount", physicalType="DECIMAL(12, 2)"), ["words_changed"]),
    ("a value becomes required", nothing, with_column("origin", required=True), ["became_required"]),
    ("a value becomes optional", nothing, with_column("first_contact_date", required=False), ["became_optional"]),
    ("values become unique", nothing, with_column("origin", unique=True), ["became_unique"]),
    ("values may repeat", nothing, with_column("mql_id", unique=False), ["no_longer_unique"]),
    ("the key is another", nothing, keyed_by_page, ["key_changed"]),
    ("a minimum is raised", bounds(minimum=0, maximum=10), bounds(minimum=1, maximum=10), ["bound_tightened"]),
    ("a maximum is new", bounds(minimum=0), bounds(minimum=0, maximum=10), ["bound_tightened"]),
    ("a maximum is raised", bounds(minimum=0, maximum=10), bounds(minimum=0, maximum=11), ["bound_loosened"]),
    ("bounds go", bounds(minimum=0, maximum=10), bounds(), ["bound_loosened", "bound_loosened"]),
    ("a pattern is another", nothing, with_column("landing_page_id", logicalTypeOptions={"pattern": "^[0-9a-f]+$"}), ["pattern_tightened"]),
    ("a pattern goes", nothing, with_column("landing_page_id", logicalTypeOptions=None), ["pattern_dropped"]),
    ("a value is allowed no more", values(*ORIGINS), values(*ORIGINS[:2]), ["values_narrowed"]),
    ("a value is allowed too", values(*ORIGINS), values(*ORIGINS, "radio"), ["values_widened"]),
    ("one value for another", values(*ORIGINS), values(*ORIGINS[:2], "radio"), ["values_narrowed"]),
    ("values are listed at last", values(), values(*ORIGINS), ["values_narrowed", "rule_added"]),
    ("any value is allowed", values(*ORIGINS), values(), ["rule_dropped", "values_widened"]),
    (
        "dates are written otherwise",
        nothing,
        with_column("first_contact_date", logicalTypeOptions={"format": "%d/%m/%Y"}),
        ["format_changed"],
    ),
    ("a unit is another", said("unit", "BRL"), said("unit", "EUR"), ["unit_changed"]),
    ("a unit is withdrawn", said("unit", "BRL"), said("unit", None), ["unit_changed"]),
    ("a unit is stated", said("unit", None), said("unit", "BRL"), ["meaning_stated"]),
    ("a time zone is another", said("timeZone", "UTC"), said("timeZone", "America/Sao_Paulo"), ["time_zone_changed"]),
    ("a class is raised", nothing, with_column("origin", classification="restricted"), ["classification_raised"]),
    ("a class is lowered", nothing, with_column("mql_id", classification="internal"), ["classification_lowered"]),
    ("a column is personal", nothing, with_column("origin", tags=["personal_data"]), ["personal_data_declared"]),
    ("a column is personal no more", nothing, with_column("mql_id", tags=None), ["personal_data_withdrawn"]),
    ("a column will go", nothing, with_column("origin", deprecated=True), ["column_deprecated"]),
    ("a rule is new", no_rules, table_rule(mustBeGreaterThan=0), ["rule_added"]),
    ("a rule that warns is new", no_rules, table_rule(mustBeGreaterThan=0, severity="warning"), ["warning_changed"]),
    ("a rule goes", table_rule(mustBeGreaterThan=0), no_rules, ["rule_dropped"]),
    ("a rule only warns now", table_rule(mustBe=1), table_rule(mustBe=1, severity="warning"), ["rule_dropped"]),
    ("a rule blocks now", table_rule(mustBe=1, severity="warning"), table_rule(mustBe=1), ["rule_tightened"]),
    ("a rule is stricter", table_rule(mustBeGreaterThan=0), table_rule(mustBeGreaterThan=9), ["rule_tightened"]),
    ("a rule is laxer", table_rule(mustBeGreaterThan=9), table_rule(mustBeGreaterOrEqualTo=9), ["rule_loosened"]),
    ("a rule is elsewhere", table_rule(mustBeBetween=[0, 5]), table_rule(mustBeBetween=[3, 8]), ["rule_tightened"]),
    ("a rule has other words", table_rule(mustBe=1), table_rule(mustBe=1, description="One."), ["words_changed"]),
    ("a reference is new", nothing, reference(), ["warning_changed"]),
    ("a reference that blocks is new", nothing, reference(severity="error"), ["rule_added"]),
    ("a reference blocks now", reference(mustBe=0), reference(severity="error"), ["rule_tightened"]),
    ("a reference may be broken more", reference(), reference(mustBeLessOrEqualTo=2), ["rule_loosened"]),
    ("rows are set aside", nothing, custom("onInvalidRow", "quarantine_row"), ["row_handling_loosened"]),
    (
        "bad rows refuse the file",
        custom("onInvalidRow", "quarantine_row"),
        custom("onInvalidRow", "quarantine_batch"),
        ["row_handling_tightened"],
    ),
    ("the delimiter is another", nothing, custom("delimiter", ";"), ["layout_changed"]),
    ("the path is another", nothing, server(path="elsewhere/*.csv"), ["layout_changed"]),
    ("another text means NULL", nothing, custom("nullStrings", ["", "NA"]), ["null_strings_changed"]),
    ("the clock is another", nothing, custom("clock", "recorded"), ["clock_changed"]),
    ("rows are loaded otherwise", nothing, custom("loadMode", "upsert"), ["load_mode_changed"]),
    ("it comes less often", nothing, custom("cadence", "reference"), ["served_less_often"]),
    ("it comes more often", custom("cadence", "reference"), custom("cadence", "daily"), ["served_more_often"]),
    ("latency is promised", nothing, service(("latency", 4, "h")), ["served_more_often"]),
    ("latency is worse", service(("latency", 4, "h")), service(("latency", 8, "h")), ["served_less_often"]),
    ("retention is better", service(("retention", 1, "y")), service(("retention", 2, "y")), ["served_more_often"]),
    ("a service level in another unit", service(("latency", 4, "h")), service(("latency", 3, "d")), ["served_less_often"]),
    ("a service level is withdrawn", service(("latency", 4, "h")), service(), ["served_less_often"]),
    ("the table will go", nothing, put("status", "deprecated"), ["status_changed"]),
    ("the table goes", nothing, put("status", "retired"), ["retired"]),
    ("a property that no rule knows", nothing, custom("somethingNew", 7), ["setting_changed"]),
    ("an old version is served for longer", compatibility("2029-01-31"), compatibility("2030-01-31"), ["words_changed"]),
    ("words", nothing, with_column("origin", description="Where the lead came from."), ["words_changed"]),
    ("the owner", nothing, put("team", {"name": "team:vendas"}), ["words_changed"]),
]


@pytest.mark.parametrize(("what", "before", "change", "rules"), CASES, ids=[case[0] for case in CASES])
def test_a_change_is_found_and_called_by_its_rule(tmp_path: Path, what: str, before: Edit, change: Edit, rules: list[str]) -> None:
    found = changes(terms(tmp_path / "old", before), terms(tmp_path / "new", before, change))

    assert sorted(each.rule for each in found) == sorted(rules)
    assert required_bump(found) == max((RULES[rule].level for rule in rules), default=Level.NONE)


def test_every_rule_is_met_by_a_case() -> None:
    assert {rule for _, _, _, rules in CASES for rule in rules} == set(RULES)


def test_the_page_shows_the_table_that_the_code_uses() -> None:
    assert as_markdown() in (PROJECT_ROOT / "docs" / "contracts.md").read_text(encoding="utf-8"), "paste rules.as_markdown() into it"


@pytest.mark.parametrize(
    ("old", "new", "is_wider"),
    [
        ("INTEGER", "BIGINT", True),
        ("INTEGER", "DECIMAL(10,0)", True),
        ("BIGINT", "DECIMAL(19,0)", True),
        ("DECIMAL(12,2)", "DECIMAL(18,2)", True),
        ("BIGINT", "INTEGER", False),
        ("INTEGER", "DECIMAL(9,0)", False),
        ("INTEGER", "DECIMAL(14,2)", False),
        ("INTEGER", "DOUBLE", False),
        ("BIGINT", "DECIMAL(18,0)", False),
        ("DECIMAL(12,2)", "DECIMAL(16,4)", False),
        ("DECIMAL(12,2)", "DECIMAL(10,2)", False),
        ("DECIMAL(12,2)", "DOUBLE", False),
        ("DATE", "TIMESTAMP", False),
        ("INTEGER", "VARCHAR", False),
        ("BOOLEAN", "INTEGER", False),
        ("DOUBLE", "DECIMAL(38,9)", False),
    ],
)
def test_a_type_is_widened_only_when_every_value_stays_and_keeps_its_kind(old: str, new: str, is_wider: bool) -> None:
    assert is_widened(old, new) is is_wider


def test_the_gravest_change_comes_first_and_reads_as_a_sentence(tmp_path: Path) -> None:
    found = changes(terms(tmp_path / "old"), terms(tmp_path / "new", AMOUNT, without_column("origin")))

    assert [change.level for change in found] == [Level.MAJOR, Level.MINOR]
    assert str(found[0]) == "column origin: a column is gone (VARCHAR → nothing)"


def test_contracts_of_two_tables_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="different tables"):
        changes(terms(tmp_path), read_terms(SOURCES / "varejo" / "orders.odcs.yaml"))


def test_a_classification_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="'secret' is not one of public"):
        changes(terms(tmp_path / "old"), terms(tmp_path / "new", with_column("origin", classification="secret")))
