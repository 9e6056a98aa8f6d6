"""The twin as a whole: same bytes for the same arguments, the real files' layouts, contracts kept, truth beside it."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from eco_assets.contracts.check import find_violations
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.errors import ConfigError
from eco_assets.twin import generate

SCALE = 0.2
END = date(2026, 10, 31)
HEADERS = {
    "varejo/olist/olist_products_dataset.csv": b'"product_id","product_category_name","product_name_lenght",'
    b'"product_description_lenght","product_photos_qty","product_weight_g","product_length_cm","product_height_cm","product_width_cm"\n',
    "varejo/olist/olist_sellers_dataset.csv": b'"seller_id","seller_zip_code_prefix","seller_city","seller_state"\n',
    "varejo/olist/product_category_name_translation.csv": b"\xef\xbb\xbfproduct_category_name,product_category_name_english\r\n",
    "varejo/olist/sample_manifest.csv": b"order_id,source_samples,uniform_sample\n",
    "industrial/nab/data/realKnownCause/machine_temperature_system_failure.csv": b"timestamp,value\n",
    "industrial/skab/data/valve1/0.csv": b"datetime;Accelerometer1RMS;Accelerometer2RMS;Current;Pressure;Temperature;"
    b"Thermocouple;Voltage;Volume Flow RateRMS;anomaly;changepoint\n",
    "agencia/nab_ad_exchange/exchange-2_cpc_results.csv": b"timestamp,value\r\n",
    "financeiro/berka/account.asc": b'"account_id";"district_id";"frequency";"date"\r\n',
    "financeiro/berka/card.asc": b'"card_id";"disp_id";"type";"issued"\r\n',
    "financeiro/berka/district.asc": b"A1;A2;A3;A4;A5;A6;A7;A8;A9;A10;A11;A12;A13;A14;A15;A16\r\n",
    "financeiro/berka/loan.asc": b"loan_id;account_id;date;amount;duration;payments;status\n",
    "financeiro/berka/order.asc": b'"order_id";"account_id";"bank_to";"account_to";"amount";"k_symbol"\r\n',
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("twin")
    generate(folder, scale=SCALE)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def one(query: str) -> tuple[object, ...]:
    row = duckdb.sql(query).fetchone()
    assert row is not None
    return tuple(row)


def test_the_same_arguments_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    generate(tmp_path, scale=SCALE)
    assert digests(tmp_path) == digests(root)


def test_another_seed_gives_other_data(root: Path, tmp_path: Path) -> None:
    generate(tmp_path, scale=SCALE, seed=8)
    ours, theirs = digests(root), digests(tmp_path)
    assert ours.keys() == theirs.keys()
    same = {path for path in ours if ours[path] == theirs[path]}
    assert same == {"varejo/olist/product_category_name_translation.csv"}


def test_a_second_call_writes_nothing_and_returns_the_same_rows(tmp_path: Path) -> None:
    first = generate(tmp_path, scale=SCALE)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert generate(tmp_path, scale=SCALE) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_missing_file_is_written_anew(tmp_path: Path) -> None:
    generate(tmp_path, scale=SCALE)
    before = digests(tmp_path)
    (tmp_path / "varejo/olist/olist_orders_dataset.csv").unlink()
    generate(tmp_path, scale=SCALE)
    assert digests(tmp_path) == before


def test_other_arguments_replace_the_twin(tmp_path: Path) -> None:
    generate(tmp_path, scale=SCALE)
    more = generate(tmp_path, scale=SCALE * 2)
    assert json.loads((tmp_path / "_twin.json").read_text(encoding="utf-8"))["plan"]["scale"] == SCALE * 2
    assert (
        sum(1 for _ in (tmp_path / "varejo/olist/sample_manifest.csv").open(encoding="utf-8")) - 1
        == (more["varejo/olist/sample_manifest.csv"])
    )


def test_no_draft_stays_behind(root: Path) -> None:
    assert not list(root.rglob("*.tmp"))


@pytest.mark.parametrize("arguments", [{"days": 30}, {"scale": 0.0}, {"scale": 1_000.0}])
def test_arguments_out_of_range_are_refused(tmp_path: Path, arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        generate(tmp_path, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", HEADERS)
def test_the_first_line_equals_that_of_the_real_file(root: Path, path: str) -> None:
    with (root / path).open("rb") as file:
        assert file.readline() == HEADERS[path]


FROM_FILES = [contract for contract in load_contracts() if contract.server == "files"]  # the others come from machines and connections


@pytest.mark.parametrize("contract", FROM_FILES, ids=lambda contract: contract.table)
def test_every_file_has_the_columns_of_its_contract_in_order(root: Path, contract: Contract) -> None:
    files = sorted(root.glob(contract.glob))
    assert files
    names = [column.physical_name for column in contract.columns]
    for path in files:
        if contract.file_format == "parquet":
            found = list(duckdb.read_parquet(str(path)).columns)
        else:
            with path.open(encoding=contract.encoding, newline="") as file:
                found = next(csv.reader(file, delimiter=contract.delimiter))
        assert found == names


@pytest.mark.parametrize("contract", load_contracts(), ids=lambda contract: contract.table)
def test_every_row_meets_its_contract(root: Path, contract: Contract) -> None:
    for path in sorted(root.glob(contract.glob)):
        with duckdb.connect() as db:
            if contract.file_format == "parquet":
                source = f"(SELECT COLUMNS(*)::VARCHAR FROM read_parquet('{path}'))"
            else:
                source = f"read_csv('{path}', delim='{contract.delimiter}', header=true, all_varchar=true, quote='\"')"
            db.execute(f"CREATE TABLE incoming AS SELECT *, row_number() OVER () AS _eco_row FROM {source}")
            assert [str(violation) for violation in find_violations(db, contract, path.name)] == []


def test_the_rows_returned_are_the_rows_written(root: Path) -> None:
    rows = generate(root, scale=SCALE)
    assert set(rows) == {path for path in digests(root) if not path.startswith("_")}
    path = "varejo/olist/olist_order_reviews_dataset.csv"  # comments hold line breaks: count rows, not lines
    with (root / path).open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) - 1 == rows[path]


def test_nothing_is_known_that_happens_after_the_end(root: Path) -> None:
    for path, column in (
        ("varejo/olist/olist_orders_dataset.csv", "order_purchase_timestamp"),
        ("varejo/olist/olist_orders_dataset.csv", "order_delivered_customer_date"),
        ("varejo/olist/olist_order_reviews_dataset.csv", "review_answer_timestamp"),
        ("comercial/olist_funnel/olist_closed_deals_dataset.csv", "won_date"),
    ):
        (last,) = one(f"SELECT max({column})::DATE FROM read_csv('{root / path}')")
        assert isinstance(last, date)
        assert last <= END


def test_every_series_and_at_least_four_pumps_reach_the_last_day(root: Path) -> None:
    csvs = {
        "industrial/nab/data/realKnownCause/machine_temperature_system_failure.csv": "timestamp",
        "agencia/nab_ad_exchange/exchange-4_cpc_results.csv": "timestamp",
        "varejo/olist/olist_orders_dataset.csv": "order_purchase_timestamp",
        "comercial/olist_funnel/olist_marketing_qualified_leads_dataset.csv": "first_contact_date",
    }
    for path, column in csvs.items():
        (last,) = one(f"SELECT max({column})::DATE FROM read_csv('{root / path}')")
        assert last is not None
        assert (END - last).days <= (3 if "leads" in path else 0)  # type: ignore[operator]
    (pumps,) = one(
        f"SELECT count(*) FILTER (WHERE last = DATE '{END}') FROM (SELECT max(datetime)::DATE AS last "
        f"FROM read_csv('{root}/industrial/skab/data/valve*/*.csv', delim=';', filename=true) GROUP BY filename)"
    )
    assert isinstance(pumps, int)
    assert pumps >= 4
