"""Files that are refused whole: each leaves the earlier data served, says file, row and column, and heals when corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from served_house import House

LEADS, ITEMS, PAYMENTS, CLIENTS = "comercial.leads", "varejo.order_items", "financeiro.payments", "financeiro.clients"
LEADS_FILE = "comercial/olist_funnel/olist_marketing_qualified_leads_dataset.csv"
ITEMS_FILE = "varejo/olist/olist_order_items_dataset.csv"


@dataclass(frozen=True)
class Bad:
    """One way to spoil a file, and every word that the reason must hold."""

    table: str
    spoil: Callable[[House], None]
    says: tuple[str, ...]


def _drop_column(house: House) -> None:
    house.write(LEADS, [",".join(line.split(",")[:2] + line.split(",")[3:]) for line in house.lines(LEADS)])


def _repeat_row(house: House) -> None:
    lines = house.lines(ITEMS)
    house.write(ITEMS, [*lines, lines[1]])


def _header_only(house: House) -> None:
    house.write(LEADS, house.lines(LEADS)[:1])


def _truncate_parquet(house: House) -> None:
    file = house.file(PAYMENTS)
    file.write_bytes(file.read_bytes()[:-200])


def _latin_1(house: House) -> None:
    lines = house.lines(LEADS)
    lines[12] = lines[12].rsplit(",", 1)[0] + ",orgânico"
    house.file(LEADS).write_bytes("\n".join(lines).encode("latin-1"))


def _open_quote(house: House) -> None:
    lines = house.lines(LEADS)
    lines[9] = lines[9].rsplit(",", 1)[0] + ',"organic_search'
    house.write(LEADS, lines)


def _text_after_quote(house: House) -> None:
    lines = house.lines(LEADS)
    lines[9] = lines[9].rsplit(",", 1)[0] + ',"organic"_search'
    house.write(LEADS, lines)


def _shorter_row(house: House) -> None:
    lines = house.lines(LEADS)
    lines[5] = ",".join(lines[5].split(",")[:2])
    house.write(LEADS, lines)


def _longer_row(house: House) -> None:
    lines = house.lines(LEADS)
    house.write(LEADS, [*lines[:5], lines[5] + ",more,still more", *lines[6:]])


def _column_twice(house: House) -> None:
    lines = house.lines(LEADS)
    house.write(
        LEADS, ["mql_id,first_contact_date,landing_page_id,mql_id,origin", *(f"{line.replace(',', ',x,', 3)}" for line in lines[1:])]
    )


CASES = {
    "a missing column": Bad(LEADS, _drop_column, (LEADS_FILE, "column landing_page_id is missing")),
    "a wrong type": Bad(
        ITEMS, lambda h: h.edit(ITEMS, 3, "price", "R$ 10"), (ITEMS_FILE, "row 3", "column price", "not a valid DECIMAL(12,2)", "R$ 10")
    ),
    "a fraction where a whole number belongs": Bad(
        ITEMS,
        lambda h: h.edit(ITEMS, 4, "order_item_id", "1.5"),
        (ITEMS_FILE, "row 4", "column order_item_id", "not a valid INTEGER", "1.5"),
    ),
    "a duplicated key": Bad(
        ITEMS, _repeat_row, (ITEMS_FILE, "row 1, 2592", "column order_id+order_item_id", "the key occurs more than once")
    ),
    "an unparsable date": Bad(
        LEADS,
        lambda h: h.edit(LEADS, 7, "first_contact_date", "31/02/2026"),
        (LEADS_FILE, "row 7", "column first_contact_date", "not a valid DATE", "31/02/2026"),
    ),
    "a day that no calendar has": Bad(
        LEADS, lambda h: h.edit(LEADS, 8, "first_contact_date", "2026-02-30"), ("row 8", "column first_contact_date", "not a valid DATE")
    ),
    "an empty file": Bad(LEADS, lambda h: h.file(LEADS).write_bytes(b"") and None, (LEADS_FILE, "the file is empty")),
    "a header without rows": Bad(LEADS, _header_only, (LEADS_FILE, "header but no row")),
    "a truncated Parquet file": Bad(PAYMENTS, _truncate_parquet, ("olist_order_payments_dataset.parquet", "truncated or damaged")),
    "a wrong encoding": Bad(LEADS, _latin_1, (LEADS_FILE, "line 13", "not utf-8", "0xe2")),
    "a value outside the allowed ones": Bad(
        LEADS, lambda h: h.edit(LEADS, 4, "origin", "tiktok"), ("row 4", "column origin", "not one of the allowed values", "tiktok")
    ),
    "a value below its range": Bad(
        ITEMS, lambda h: h.edit(ITEMS, 2, "price", "-1.00"), ("row 2", "column price", "below the minimum 0", "-1.00")
    ),
    "a required value left empty": Bad(
        LEADS, lambda h: h.edit(LEADS, 6, "first_contact_date", ""), ("row 6", "column first_contact_date", "a value is required")
    ),
    "a value of another shape": Bad(
        LEADS, lambda h: h.edit(LEADS, 5, "landing_page_id", "page-1"), ("row 5", "column landing_page_id", "does not look like", "page-1")
    ),
    "a quote that never closes": Bad(LEADS, _open_quote, (LEADS_FILE, "cannot be read as csv")),
    "text after a closing quote": Bad(LEADS, _text_after_quote, (LEADS_FILE, "cannot be read as csv", "10")),
    "a row with too few values": Bad(LEADS, _shorter_row, (LEADS_FILE, "cannot be read as csv", "6")),
    "a row with too many values": Bad(LEADS, _longer_row, (LEADS_FILE, "cannot be read as csv", "6")),
    "a column that occurs twice": Bad(LEADS, _column_twice, (LEADS_FILE,)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_batch_is_quarantined_whole_with_file_row_and_column(house: House, name: str) -> None:
    bad = CASES[name]
    before = house.served(bad.table)
    bad.spoil(house)
    spoilt = house.file(bad.table).read_bytes()

    landed = house.ingest(bad.table)

    assert not landed.is_accepted
    assert [batch.status for batch in landed.batches] == ["quarantined"]
    said = " | ".join(landed.reasons)
    assert all(word in said for word in bad.says), said
    assert house.served(bad.table) == before, "what was good before must stay served"
    assert [copy.read_bytes() for copy in house.copies(bad.table)] == [spoilt], "the refused file must be kept"


@pytest.mark.parametrize(
    "name", ["a missing column", "an unparsable date", "an empty file", "a wrong encoding", "a quote that never closes"]
)
def test_a_corrected_file_heals_it(house: House, name: str) -> None:
    bad = CASES[name]
    good = house.lines(bad.table)
    bad.spoil(house)
    assert not house.ingest(bad.table).is_accepted

    house.write(bad.table, good[:-1])  # corrected, and not the content that was served before
    landed = house.ingest(bad.table)

    assert landed.is_accepted
    assert landed.reasons == ()
    assert len(house.served(bad.table)) == len(good) - 2


@pytest.mark.parametrize("name", ["a wrong type", "a duplicated key", "a truncated Parquet file", "a header without rows"])
def test_the_earlier_content_sent_again_is_accepted_again(house: House, name: str) -> None:
    bad = CASES[name]
    before, good = house.served(bad.table), house.file(bad.table).read_bytes()
    bad.spoil(house)
    house.ingest(bad.table)
    house.file(bad.table).write_bytes(good)

    assert house.ingest(bad.table).is_accepted
    assert house.served(bad.table) == before


def test_a_missing_file_is_named_and_what_it_brought_stays_served(house: House) -> None:
    before = house.served(LEADS)
    house.file(LEADS).unlink()

    landed = house.ingest(LEADS)

    assert not landed.is_accepted
    assert LEADS_FILE in landed.reasons[0]
    assert "no such file" in landed.reasons[0]
    assert house.served(LEADS) == before


def test_only_the_spoilt_source_of_a_domain_is_held_back(house: House) -> None:
    leads, deals = house.contract(LEADS), house.contract("comercial.closed_deals")
    house.edit(LEADS, 1, "first_contact_date", "soon")

    landed = house.platform.ingest("comercial", [leads, deals])

    assert [(one.contract.entity, one.is_accepted) for one in landed] == [("leads", False), ("closed_deals", True)]
    assert house.query("SELECT count(*) FROM comercial.closed_deals")[0] > 0


def test_many_broken_rows_are_counted_and_a_few_are_named(house: House) -> None:
    for row in range(1, 9):
        house.edit(LEADS, row, "origin", "tiktok")

    (reason,) = house.ingest(LEADS).reasons

    assert "row 1, 2, 3, 4, 5 and 3 more, column origin" in reason


def test_every_rule_that_a_file_breaks_is_said_at_once(house: House) -> None:
    house.edit(LEADS, 2, "origin", "tiktok")
    house.edit(LEADS, 3, "first_contact_date", "soon")

    said = " | ".join(house.ingest(LEADS).reasons)

    assert "row 2, column origin" in said
    assert "row 3, column first_contact_date" in said


class TestPersonalData:
    """No reason shows a value of a personal column; only the quarantine, which is data itself, holds it."""

    def test_a_broken_personal_value_is_masked(self, house: House) -> None:
        house.edit(CLIENTS, 2, '"birth_number"', '"SEGREDO"')

        (reason,) = house.ingest(CLIENTS).reasons

        assert "row 2, column birth_number" in reason
        assert "SEGREDO" not in reason
        assert "•••" in reason

    def test_a_duplicated_personal_key_is_masked(self, house: House) -> None:
        lines = house.lines(LEADS)
        house.write(LEADS, [*lines, lines[1]])

        landed = house.ingest(LEADS)

        assert "row 1, 501, column mql_id" in " ".join(landed.reasons)
        assert lines[1].split(",")[0] not in " ".join(landed.reasons)

    def test_a_file_without_its_header_does_not_show_its_first_row(self, house: House) -> None:
        lines = house.lines(CLIENTS)
        house.write(CLIENTS, [lines[1].replace("715215", "SEGREDO"), *lines[2:]])

        (reason,) = house.ingest(CLIENTS).reasons

        assert lines[1].split(";")[1].strip('"') not in reason
        assert "header" in reason

    def test_a_row_that_is_no_csv_is_not_shown(self, house: House) -> None:
        lines = house.lines(CLIENTS)
        house.write(CLIENTS, [*lines[:4], '4;"SEGREDO"x;18', *lines[5:]])

        assert "SEGREDO" not in " ".join(house.ingest(CLIENTS).reasons)
