"""Drift: what evolves and is announced, what is refused and names the version that it would need."""

from __future__ import annotations

import pytest
from served_house import House

LEADS, ITEMS = "comercial.leads", "varejo.order_items"


def add_column(house: House, table: str, name: str, value: str) -> None:
    lines = house.lines(table)
    house.write(table, [f"{line},{name if number == 0 else value}" for number, line in enumerate(lines)])


def test_a_new_column_stays_when_the_next_file_lacks_it_again(house: House) -> None:
    lines = house.lines(LEADS)
    add_column(house, LEADS, "note", "x")
    house.ingest(LEADS)
    house.write(LEADS, lines[:-1])

    landed = house.ingest(LEADS)

    assert landed.changes == ()
    assert house.query(f"SELECT count(*), count(note) FROM {LEADS}") == (499, 0)


def test_a_new_column_of_one_file_leaves_the_rows_of_the_others_empty_there(house: House) -> None:
    pumps = "industrial.pump_telemetry"
    rows = house.query(f"SELECT count(*) FROM {pumps}")[0]
    lines = house.lines(pumps)
    house.write(pumps, [f"{line};{'humidity' if number == 0 else '0.5'}" for number, line in enumerate(lines)])

    house.ingest(pumps)

    assert house.query(f"SELECT count(*), count(humidity) FROM {pumps}") == (rows, len(lines) - 1)


def test_a_removed_column_is_refused_with_the_version_it_would_need(house: House) -> None:
    before = house.served(LEADS)
    house.write(LEADS, [line.rsplit(",", 1)[0] for line in house.lines(LEADS)])

    (reason,) = house.ingest(LEADS).reasons

    assert "column origin is missing" in reason
    assert "contract comercial.leads 2.0.0 is needed" in reason
    assert house.served(LEADS) == before


def test_a_number_that_outgrows_its_type_widens_the_column_and_is_announced(house: House) -> None:
    house.edit(ITEMS, 1, "order_item_id", "3000000000")

    landed = house.ingest(ITEMS)

    assert landed.is_accepted
    assert landed.reasons == ()
    assert "order_item_id holds values beyond INTEGER: widened to BIGINT, which contract 1.2.0 should say" in landed.changes[0]
    assert house.query(f"SELECT max(order_item_id), typeof(any_value(order_item_id)) FROM {ITEMS}") == (3000000000, "BIGINT")


def test_a_widened_column_still_takes_files_that_fit_the_contract(house: House) -> None:
    lines = house.lines(ITEMS)
    house.edit(ITEMS, 1, "order_item_id", "3000000000")
    house.ingest(ITEMS)
    house.write(ITEMS, lines[:-1])

    assert house.ingest(ITEMS).changes == ()
    assert house.query(f"SELECT count(*), max(order_item_id) < 100 FROM {ITEMS}") == (len(lines) - 2, True)


def test_a_fraction_where_a_whole_number_was_promised_is_no_widening(house: House) -> None:
    house.edit(ITEMS, 3, "order_item_id", "1.5")

    landed = house.ingest(ITEMS)

    assert not landed.is_accepted
    assert "row 3, column order_item_id: not a valid INTEGER" in landed.reasons[0]


def test_two_names_that_differ_only_in_case_are_refused(house: House) -> None:
    add_column(house, LEADS, "ORIGIN", "x")

    (reason,) = house.ingest(LEADS).reasons

    assert "ORIGIN has a name that is taken" in reason


def test_an_optional_column_that_was_never_delivered_may_be_missing(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    fresh = House(tmp_path_factory.mktemp("fresh"))
    (house.root / "data").rename(fresh.root / "data")
    fresh.write(LEADS, [line.rsplit(",", 1)[0] for line in fresh.lines(LEADS)])

    landed = fresh.ingest(LEADS)

    assert landed.is_accepted
    assert landed.changes == ("column origin is optional and was never delivered: it stays empty",)
    assert fresh.query(f"SELECT count(*) > 0, count(origin) FROM {LEADS}") == (True, 0)
