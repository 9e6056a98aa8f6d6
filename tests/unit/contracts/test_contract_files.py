"""Contracts: every file of the repository is complete, and a broken one is named."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from eco_assets.contracts import dbt_sources
from eco_assets.contracts.check import find_violations, typed
from eco_assets.contracts.contract import SOURCES, Contract, load_contracts, read_contract
from eco_assets.errors import ContractError
from eco_assets.settings import PROJECT_ROOT

CONTRACTS = load_contracts()
GOOD = (SOURCES / "comercial" / "leads.odcs.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.table)
def test_every_contract_is_complete_and_lies_where_its_name_says(contract: Contract) -> None:
    assert contract.path == SOURCES / contract.domain / f"{contract.entity}.odcs.yaml"
    assert contract.owner == f"team:{contract.domain}"
    assert contract.description
    assert contract.version.count(".") == 2
    assert contract.columns
    assert all(column.description and column.sql_type for column in contract.columns)
    assert len({column.name for column in contract.columns}) == len(contract.columns)
    assert all(column.name == column.name.lower() for column in contract.columns)
    assert set(contract.key) <= {column.name for column in contract.columns}
    assert 0 <= contract.max_invalid_share < 1
    assert contract.keeps_good_rows or contract.max_invalid_share == 0


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.table)
def test_every_contract_compiles_to_sql_that_runs(contract: Contract) -> None:
    with duckdb.connect() as db:
        columns = ", ".join(f"""NULL::VARCHAR AS "{column.physical_name}\"""" for column in contract.columns)
        db.execute(f"CREATE TEMP TABLE incoming AS SELECT 1::BIGINT AS _eco_row, {columns}")
        found = find_violations(db, contract, "file.csv")
    required = [column.name for column in contract.columns if column.is_required or column.name in contract.key]
    assert [violation.column for violation in found if violation.rule == "a value is required"] == required


def test_personal_data_is_never_classified_as_public() -> None:
    open_columns = [
        f"{c.table}.{column.name}" for c in CONTRACTS for column in c.columns if column.is_personal and column.classification == "public"
    ]
    assert open_columns == []


def test_every_domain_has_contracts_and_no_table_has_two() -> None:
    tables = [contract.table for contract in CONTRACTS]
    assert len(set(tables)) == len(tables)
    assert {contract.domain for contract in CONTRACTS} == {"comercial", "varejo", "industrial", "agencia", "financeiro"}


def test_the_dbt_sources_in_the_repository_are_those_of_the_contracts() -> None:
    held = (PROJECT_ROOT / "dbt_project" / "models" / "sources.yml").read_text(encoding="utf-8")
    assert held == dbt_sources.render(), "run `eco contracts dbt`"


def test_the_dbt_sources_are_written_only_when_a_contract_changed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()

    assert dbt_sources.write(tmp_path)
    assert not dbt_sources.write(tmp_path)


@pytest.mark.parametrize(
    ("what", "broken"),
    [
        ("no YAML", "schema: [unclosed"),
        ("an empty file", ""),
        ("a list", "- a\n- b\n"),
        ("no server", GOOD.replace("servers:", "renamed:")),
        ("no schema", GOOD[: GOOD.index("schema:")]),
        ("an unknown clock", GOOD.replace("value: live", "value: stopped")),
        ("an unknown cadence", GOOD.replace("value: daily", "value: hourly")),
        ("an unknown rule for rows", GOOD.replace("value: quarantine_batch", "value: drop")),
        (
            "a share that is no number",
            GOOD.replace(
                "property: clock\n    value: live", "property: clock\n    value: live\n  - property: maxInvalidRows\n    value: few"
            ),
        ),
        ("an unknown encoding", GOOD.replace("value: utf-8", "value: utf-800")),
        ("a column without a type", GOOD.replace("        physicalType: DATE\n", "")),
        ("a type that is none", GOOD.replace("physicalType: DATE", "physicalType: DTAE")),
        ("a pattern that is none", GOOD.replace("^[0-9a-f]{32}$", "^[0-9a-f{32$")),
    ],
)
def test_a_broken_contract_is_named(tmp_path: Path, what: str, broken: str) -> None:
    path = tmp_path / "comercial" / "leads.odcs.yaml"
    path.parent.mkdir()
    path.write_text(broken, encoding="utf-8")

    with pytest.raises(ContractError, match=r"(?s)leads\.odcs\.yaml: .*A new source"):
        read_contract(path)


def test_a_contract_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "leads.odcs.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ContractError, match=r"leads\.odcs\.yaml"):
        read_contract(path)


@pytest.mark.parametrize(
    ("sql_type", "text", "valid"),
    [
        ("INTEGER", "7", True),
        ("INTEGER", " 7 ", True),
        ("INTEGER", "7.0", True),
        ("INTEGER", "7.5", False),
        ("INTEGER", "7e400", False),
        ("BIGINT", "9007199254740993", True),
        ("BIGINT", "seven", False),
        ("DOUBLE", "1,5", False),
        ("DOUBLE", "-1.5e3", True),
        ("DOUBLE", "nan", False),
        ("DOUBLE", "Infinity", False),
        ("DECIMAL(12,2)", "10.50", True),
        ("DECIMAL(12,2)", "12345678901.00", False),
        ("TIMESTAMP", "2026-10-31 10:00:00", True),
        ("TIMESTAMP", "2026-10-31 25:00:00", False),
        ("DATE", "2024-02-29", True),
        ("DATE", "2023-02-29", False),
    ],
)
def test_a_value_is_of_its_type_only_as_written(tmp_path: Path, sql_type: str, text: str, valid: bool) -> None:
    path = tmp_path / "leads.odcs.yaml"
    path.write_text(GOOD.replace("physicalType: DATE", f"physicalType: {sql_type}"), encoding="utf-8")
    contract = read_contract(path)
    column = next(column for column in contract.columns if column.sql_type == sql_type)
    with duckdb.connect() as db:
        db.execute(
            f"CREATE TEMP TABLE incoming AS SELECT 1::BIGINT AS _eco_row, '{'a' * 32}' AS mql_id, $text AS first_contact_date, "
            f"'{'b' * 32}' AS landing_page_id, 'email' AS origin",
            {"text": text},
        )
        found = find_violations(db, contract, "leads.csv")
        assert db.execute(f"SELECT {typed(column)} IS NOT NULL FROM incoming").fetchone() is not None

    assert [str(violation) for violation in found] == (
        [] if valid else [f'leads.csv: row 1, column first_contact_date: not a valid {sql_type} ("{text}")']
    )
