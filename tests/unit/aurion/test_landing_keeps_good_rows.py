"""Sources whose contract quarantines by row: a few broken rows are kept aside, too many hold the whole file back."""

from __future__ import annotations

import csv
import io

import pytest
from served_house import House

REVIEWS, PUMPS = "varejo.order_reviews", "industrial.pump_telemetry"
REVIEWS_FILE = "varejo/olist/olist_order_reviews_dataset.csv"


def review_rows(house: House) -> list[list[str]]:
    """Header and rows; comments hold line breaks, so lines are not rows."""
    with house.file(REVIEWS).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def write_reviews(house: House, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    house.file(REVIEWS).write_text(text.getvalue(), encoding="utf-8")


def test_a_few_broken_reviews_are_kept_aside_and_the_others_are_served(house: House) -> None:
    rows = review_rows(house)
    total = len(rows) - 1
    rows[5][2], rows[9][5], rows[9][2] = "9", "yesterday", "7"
    write_reviews(house, rows)

    landed = house.ingest(REVIEWS)

    assert landed.is_accepted
    assert [(batch.status, batch.rows, batch.rejected) for batch in landed.batches] == [("loaded", total - 2, 2)]
    said = " | ".join(landed.reasons)
    assert f"{REVIEWS_FILE}: row 5, 9, column review_score: above the maximum 5" in said
    assert f"{REVIEWS_FILE}: row 9, column review_creation_date: not a valid TIMESTAMP" in said
    served = {row[-3] for row in house.served(REVIEWS)}
    assert served == set(range(1, total + 1)) - {5, 9}


def test_a_row_kept_aside_holds_its_text_and_every_reason(house: House) -> None:
    rows = review_rows(house)
    rows[9][5], rows[9][2] = "yesterday", "7"
    write_reviews(house, rows)
    house.ingest(REVIEWS)

    (kept,) = house.quarantined_rows(REVIEWS)

    assert (kept["_eco_row"], kept["review_score"], kept["review_creation_date"]) == (9, "7", "yesterday")
    assert list(kept["_eco_reasons"]) == ["review_creation_date: not a valid TIMESTAMP", "review_score: above the maximum 5"]


def test_more_broken_reviews_than_the_contract_allows_hold_the_file_back(house: House) -> None:
    before, rows = house.served(REVIEWS), review_rows(house)
    allowed = int(house.contract(REVIEWS).max_invalid_share * (len(rows) - 1))
    for row in rows[1 : allowed + 2]:
        row[2] = "0"
    write_reviews(house, rows)

    landed = house.ingest(REVIEWS)

    assert not landed.is_accepted
    assert landed.batches[0].rejected == allowed + 1
    assert "row 1, 2, 3, 4, 5 and" in landed.reasons[0]
    assert house.served(REVIEWS) == before
    assert len(house.quarantined_rows(REVIEWS)) == allowed + 1
    assert len(house.copies(REVIEWS)) == 1


def test_exactly_as_many_broken_reviews_as_allowed_are_kept_aside(house: House) -> None:
    rows = review_rows(house)
    allowed = int(house.contract(REVIEWS).max_invalid_share * (len(rows) - 1))
    for row in rows[1 : allowed + 1]:
        row[2] = "0"
    write_reviews(house, rows)

    assert house.ingest(REVIEWS).is_accepted
    assert len(house.served(REVIEWS)) == len(rows) - 1 - allowed


def test_a_corrected_file_brings_the_kept_aside_rows_back(house: House) -> None:
    rows = review_rows(house)
    rows[5][2] = "9"
    write_reviews(house, rows)
    house.ingest(REVIEWS)
    rows[5][2] = "4"
    write_reviews(house, rows)

    landed = house.ingest(REVIEWS)

    assert landed.reasons == ()
    assert len(house.served(REVIEWS)) == len(rows) - 1
    assert house.query(f"SELECT review_score FROM {REVIEWS} WHERE _eco_row = 5") == (4,)


def test_a_structural_fault_holds_a_row_wise_source_back_whole(house: House) -> None:
    before, rows = house.served(REVIEWS), review_rows(house)
    write_reviews(house, [row[:5] + row[6:] for row in rows])

    landed = house.ingest(REVIEWS)

    assert not landed.is_accepted
    assert "column review_creation_date is missing" in landed.reasons[0]
    assert house.served(REVIEWS) == before


@pytest.mark.parametrize("value", ["abc", "-0.5", "", "nan", "inf", "1e999"])
def test_a_reading_that_is_no_measurement_is_kept_aside(house: House, value: str) -> None:
    before = len(house.served(PUMPS))
    house.edit(PUMPS, 17, "Accelerometer1RMS", value)

    landed = house.ingest(PUMPS)

    assert landed.is_accepted
    (reason,) = landed.reasons
    assert reason.startswith("industrial/skab/data/valve1/0.csv: row 17, column accelerometer1_rms: ")
    assert len(house.served(PUMPS)) == before - 1


def test_a_moment_that_occurs_twice_keeps_both_readings_aside(house: House) -> None:
    lines = house.lines(PUMPS)
    house.edit(PUMPS, 4, "datetime", lines[3].split(";")[0])

    landed = house.ingest(PUMPS)

    assert landed.is_accepted
    assert [row["_eco_row"] for row in house.quarantined_rows(PUMPS)] == [3, 4]


def test_the_same_moment_in_two_files_is_no_duplicate_where_the_file_belongs_to_the_key(house: House) -> None:
    files = sorted((house.root / "data").glob(house.contract(PUMPS).glob))
    files[1].write_bytes(files[0].read_bytes())

    assert house.ingest(PUMPS).reasons == ()


def test_one_spoilt_file_of_several_leaves_the_others_as_they_are(house: House) -> None:
    before = house.served(PUMPS)
    house.file(PUMPS).write_bytes(b"")

    landed = house.ingest(PUMPS)

    assert not landed.is_accepted
    assert [batch.file for batch in landed.quarantined] == ["industrial/skab/data/valve1/0.csv"]
    assert house.served(PUMPS) == before
