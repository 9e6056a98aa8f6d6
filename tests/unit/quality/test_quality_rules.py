"""Rules of quality, each with a fault that was planted and a clean counterpart, in a business of its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from quality_house import DAY, STORE_ROWS, Bakery, Shelf, custom, sales, unique

PSI = {"mustBeLessOrEqualTo": 0.25}
Z = {"mustBeBetween": [-5, 5]}
SLA = [{"property": "latency", "value": 1, "unit": "d", "element": "sales.sold_on"}]


class TestUniqueness:
    """Values that may not occur twice, in whichever files."""

    def shelf(self, root: Path, **more: Any) -> Shelf:
        return Shelf(root, sales={"quality": [unique("sale_id")], **more})

    def test_a_key_in_two_files_is_found_with_both_rows(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        shelf.deliver("sales", sales(10), "sales_a")
        shelf.deliver("sales", sales(10, start=10), "sales_b")

        found = shelf.finding("sales", "duplicates")

        assert (found.is_ok, found.observed, found.is_blocking) == (False, 1.0, False)
        assert [(row["sale_id"], row["_eco_file"], row["_eco_row"]) for row in found.sample] == [
            ("10", "padaria/sales_a.csv", "10"),
            ("10", "padaria/sales_b.csv", "1"),
        ]

    def test_keys_that_differ_in_every_file_are_fine(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        shelf.deliver("sales", sales(10), "sales_a")
        shelf.deliver("sales", sales(10, start=11), "sales_b")

        assert shelf.finding("sales", "duplicates").is_ok

    def test_rows_without_a_value_are_no_duplicates_of_each_other(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, sales={"quality": [unique("product", "store_id")]})
        shelf.deliver("sales", [[1, 1, DAY, None, 5, "A"], [2, 1, DAY, None, 5, "B"]])

        assert shelf.finding("sales", "duplicates").is_ok

    def test_a_personal_value_is_masked_in_the_sample(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, sales={"quality": [unique("customer")]})
        shelf.deliver("sales", [[1, 1, DAY, "pão", 5, "Maria Silva"], [2, 1, DAY, "pão", 5, "Maria Silva"]])

        found = shelf.finding("sales", "duplicates")

        assert not found.is_ok
        assert {row["customer"] for row in found.sample} == {"•••"}
        assert "Maria" not in repr(found)

    def test_the_contract_says_whether_it_blocks(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, sales={"quality": [unique("product", severity="error")]})
        shelf.deliver("sales", sales(10))

        assert shelf.finding("sales", "duplicates").is_blocking


class TestReferences:
    """Rows that name what another table has."""

    def shelf(self, root: Path, *said: dict[str, Any]) -> Shelf:
        entry: dict[str, Any] = {"from": "sales.store_id", "to": "stores.odcs.yaml#stores.store_id"}
        if said:
            entry["customProperties"] = list(said)
        shelf = Shelf(root, sales={"relationships": [entry]})
        shelf.deliver("stores", STORE_ROWS)
        return shelf

    def test_a_row_that_names_no_store_is_found_with_file_and_row(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        rows = sales(10)
        rows[6][1] = 99
        shelf.deliver("sales", rows)

        found = shelf.finding("sales", "orphans")

        assert (found.is_ok, found.observed) == (False, 1.0)
        assert found.sample == ({"store_id": "99", "_eco_file": "padaria/sales.csv", "_eco_row": "7"},)

    def test_rows_that_all_name_a_store_are_fine_and_an_empty_name_is_none(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        rows = sales(10)
        rows[6][1] = None
        shelf.deliver("sales", rows)

        assert shelf.finding("sales", "orphans").is_ok

    @pytest.mark.parametrize(("lost", "is_ok"), [(1, True), (2, False)])
    def test_a_tolerance_of_the_contract_is_kept_to(self, tmp_path: Path, lost: int, is_ok: bool) -> None:
        tolerance = ({"property": "mustBeLessOrEqualTo", "value": 10}, {"property": "unit", "value": "percent"})
        shelf = self.shelf(tmp_path, *tolerance)
        rows = sales(10)
        for row in rows[:lost]:
            row[1] = 99
        shelf.deliver("sales", rows)

        assert shelf.finding("sales", "orphans").is_ok == is_ok

    def test_a_table_that_was_never_loaded_is_not_judged(self, tmp_path: Path) -> None:
        entry = {"from": "sales.store_id", "to": "stores.odcs.yaml#stores.store_id"}
        shelf = Shelf(tmp_path, sales={"relationships": [entry]})
        shelf.deliver("sales", sales(5))

        found = shelf.finding("sales", "orphans")

        assert (found.is_ok, found.is_judged) == (True, False)
        assert found.words == "padaria.stores was never loaded"


class TestFreshness:
    """Service levels, by the business day and by the other sources."""

    @pytest.mark.parametrize(("behind", "is_ok"), [(0, True), (1, True), (2, False), (-3, True)])
    def test_events_may_not_end_earlier_before_the_business_day_than_promised(self, tmp_path: Path, behind: int, is_ok: bool) -> None:
        shelf = Shelf(tmp_path, sales={"sla": SLA})
        shelf.deliver("sales", sales(10))

        found = shelf.finding("sales", "latency", day=DAY + timedelta(days=behind))

        assert (found.is_ok, found.observed) == (is_ok, max(behind, 0))

    def test_a_source_that_stopped_while_others_go_on_is_late(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, sales={"sla": [{"property": "frequency", "value": 2, "unit": "d"}]})
        shelf.deliver("sales", sales(10))
        assert shelf.finding("sales", "frequency").is_ok
        shelf.deliver("stores", STORE_ROWS)
        shelf.db.execute("UPDATE aurion.loads SET loaded_at = loaded_at - INTERVAL 3 DAY WHERE tbl = 'padaria.sales'")

        found = shelf.finding("sales", "frequency")

        assert not found.is_ok
        assert found.observed == pytest.approx(3, abs=0.01)

    def test_nothing_is_due_while_nothing_at_all_is_delivered(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, sales={"sla": [{"property": "frequency", "value": 2, "unit": "d"}]})
        shelf.deliver("sales", sales(10))
        shelf.db.execute("UPDATE aurion.loads SET loaded_at = loaded_at - INTERVAL 90 DAY")

        assert shelf.finding("sales", "frequency").is_ok


class TestVolume:
    """How many rows came."""

    def test_a_load_that_is_much_smaller_than_usual_is_found_once_there_is_history(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, sales={"quality": [custom("volume", Z)]})
        for extra in range(5):
            shelf.deliver("sales", sales(200 + extra))
            assert not shelf.finding("sales", "rows_per_load").is_judged
        shelf.deliver("sales", sales(203))
        usual = shelf.finding("sales", "rows_per_load")
        shelf.deliver("sales", sales(20))

        found = shelf.finding("sales", "rows_per_load")

        assert (usual.is_judged, usual.is_ok) == (True, True)
        assert not found.is_ok
        assert found.words.startswith("20 rows in the last load of padaria/sales.csv, usual are 202")

    def test_too_little_history_is_said(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, sales={"quality": [custom("volume", Z)]})
        shelf.deliver("sales", sales(200))

        found = shelf.finding("sales", "rows_per_load")

        assert found.is_ok
        assert found.words == "too little history: 0 earlier load(s), 5 are needed"

    @pytest.mark.parametrize(("share", "is_ok"), [(1.0, True), (0.1, False), (6.0, False)])
    def test_a_day_is_compared_with_the_same_weekday(self, tmp_path: Path, share: float, is_ok: bool) -> None:
        shelf = Shelf(tmp_path, sales={"quality": [custom("volume", Z, by="sold_on")]})
        rows: list[list[object]] = []
        for back in range(70):
            day = DAY - timedelta(days=back)
            count = (40 if day.weekday() < 5 else 8) * (share if back == 2 else 1)
            rows += [[len(rows) + n, 1, day, "pão", 5, "A"] for n in range(int(count))]
        shelf.deliver("sales", rows)

        found = shelf.finding("sales", "rows_per_day")

        assert (found.is_judged, found.is_ok) == (True, is_ok)
        assert [row["day"] for row in found.sample] == ([] if is_ok else [(DAY - timedelta(days=2)).isoformat()])

    def test_an_empty_table_breaks_the_rule_that_it_has_rows(self, tmp_path: Path) -> None:
        rows = {"type": "library", "metric": "rowCount", "mustBeGreaterThan": 0, "severity": "error"}
        shelf = Shelf(tmp_path, sales={"quality": [rows]})
        shelf.deliver("sales", sales(5))
        assert shelf.finding("sales", "row_count").is_ok
        shelf.db.execute("DELETE FROM padaria.sales")

        assert shelf.finding("sales", "row_count").is_blocking


class TestDistribution:
    """Whether values are distributed as before."""

    def shelf(self, root: Path) -> Shelf:
        shelf = Shelf(root, sales={"quality": [custom("distribution", PSI)]})
        shelf.deliver("sales", sales(400))
        return shelf

    def test_the_first_load_has_nothing_to_be_compared_with(self, tmp_path: Path) -> None:
        found = self.shelf(tmp_path).finding("sales", "distribution")

        assert (found.is_ok, found.is_judged) == (True, False)
        assert "first load" in found.words

    def test_more_of_the_same_is_fine(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        shelf.findings("sales")
        shelf.deliver("sales", sales(430))

        found = shelf.finding("sales", "distribution")

        assert (found.is_judged, found.is_ok, found.observed) == (True, True, 0.0)

    @pytest.mark.parametrize(
        ("column", "place", "value"), [("price", 4, 50.0), ("product", 3, "sonho"), ("price", 4, None), ("customer", 5, None)]
    )
    def test_a_shift_is_found_and_named(self, tmp_path: Path, column: str, place: int, value: object) -> None:
        shelf = self.shelf(tmp_path)
        shelf.findings("sales")
        rows = sales(401)
        for row in rows[::2]:
            row[place] = value
        shelf.deliver("sales", rows)

        found = shelf.finding("sales", "distribution")

        assert not found.is_ok
        assert [row["column"] for row in found.sample] == [column]

    def test_few_rows_are_not_judged(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        shelf.findings("sales")
        shelf.deliver("sales", sales(50, price=90.0))

        assert not shelf.finding("sales", "distribution").is_judged

    def test_a_later_load_is_compared_with_the_loads_before_it_however_often_it_is_looked_at(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        shelf.findings("sales")
        shelf.deliver("sales", sales(400, price=90.0))

        first, again = (shelf.finding("sales", "distribution") for _ in range(2))

        assert not first.is_ok
        assert first == again
        assert shelf.db.execute("SELECT count(DISTINCT load_id) FROM aurion.profiles").fetchall() == [(2,)]

    def test_a_profile_holds_no_value_of_a_person(self, tmp_path: Path) -> None:
        shelf = self.shelf(tmp_path)
        shelf.findings("sales")

        kept = shelf.db.execute("SELECT column_name, kind, bins, missing FROM aurion.profiles").fetchall()

        assert {name: kind for name, kind, *_ in kept}["customer"] == "other"
        assert "Cliente" not in repr(kept)
        assert "torta" in repr(kept)


class TestReconciliation:
    """The same amount in two tables."""

    RULE = custom(
        "reconciliation",
        {"mustBeLessOrEqualTo": 10, "unit": "percent"},
        **{"with": "sales.odcs.yaml", "key": ["sale_id"], "amount": "paid", "against": "price", "within": 0.02},
    )

    @pytest.mark.parametrize(("apart", "is_ok"), [(0, True), (1, True), (2, False)])
    def test_sums_may_differ_for_as_many_as_the_contract_allows(self, tmp_path: Path, apart: int, is_ok: bool) -> None:
        shelf = Shelf(tmp_path, receipts={"quality": [self.RULE]})
        sold = sales(10)
        shelf.deliver("sales", sold)
        paid = [[row[0], round(float(str(row[4])) + (3 if n < apart else 0.01), 2)] for n, row in enumerate(sold)]
        shelf.deliver("receipts", paid)

        found = shelf.finding("receipts", "sums")

        assert (found.is_ok, found.observed) == (is_ok, 10.0 * apart)
        assert [row["difference"] for row in found.sample] == ["3.0"] * apart

    def test_keys_of_one_side_only_are_left_to_references(self, tmp_path: Path) -> None:
        shelf = Shelf(tmp_path, receipts={"quality": [self.RULE]})
        shelf.deliver("sales", sales(10))
        shelf.deliver("receipts", [[1, 5.0], [999, 70.0]])

        assert shelf.finding("receipts", "sums").is_ok


class TestValidity:
    """Missing values, and queries of the contract."""

    def test_missing_values_are_counted_in_percent(self, tmp_path: Path) -> None:
        entry = {"quality": [{"type": "library", "metric": "nullValues", "mustBeLessThan": 20, "unit": "percent", "severity": "warning"}]}
        shelf = Shelf(tmp_path, sales={"columns": {"product": entry}})
        rows = sales(10)
        rows[0][3] = None
        shelf.deliver("sales", rows)
        assert shelf.finding("sales", "nulls").is_ok
        rows[1][3] = None
        shelf.deliver("sales", rows)

        found = shelf.finding("sales", "nulls")

        assert (found.is_ok, found.observed) == (False, 20.0)
        assert [row["_eco_row"] for row in found.sample] == ["1", "2"]

    def test_a_query_of_the_contract_is_judged(self, tmp_path: Path) -> None:
        entry = {"type": "sql", "query": "SELECT max(price) FROM {object}", "mustBeLessThan": 12, "severity": "warning"}
        shelf = Shelf(tmp_path, sales={"quality": [entry]})
        shelf.deliver("sales", sales(10))
        assert shelf.finding("sales", "query").is_ok
        shelf.deliver("sales", sales(10, price=30.0))

        assert not shelf.finding("sales", "query").is_ok

    def test_a_query_that_fails_is_told_and_stops_no_other_rule(self, tmp_path: Path) -> None:
        entry = {"type": "sql", "query": "SELECT max(CAST(customer AS INTEGER)) FROM {object}", "mustBe": 0, "severity": "warning"}
        shelf = Shelf(tmp_path, sales={"quality": [entry, unique("sale_id")], "sla": SLA})
        shelf.deliver("sales", sales(10))

        found = {each.rule.kind: each for each in shelf.findings("sales")}

        assert (found["query"].is_ok, found["query"].is_blocking) == (False, False)
        assert "Cliente" not in found["query"].words
        assert found["duplicates"].is_ok
        assert found["latency"].is_judged


def test_what_was_found_is_a_table_and_nothing_new_is_no_new_snapshot(tmp_path: Path) -> None:
    bakery = Bakery(tmp_path, sales={"quality": [unique("product"), custom("distribution", PSI)]})
    bakery.deliver("sales", sales(300))
    bakery.examine("sales")
    snapshots = bakery.lake.snapshots("raw")

    bakery.examine("sales")

    assert bakery.lake.snapshots("raw") == snapshots
    kept = bakery.query('SELECT tbl, "check", is_ok, severity, business_day FROM quality.findings ORDER BY 2 DESC')
    assert kept == [("padaria.sales", "uniqueness", False, "warning", DAY), ("padaria.sales", "distribution", True, "warning", DAY)]


def test_before_anything_was_loaded_nothing_is_broken(tmp_path: Path) -> None:
    bakery = Bakery(tmp_path, sales={"quality": [unique("product")]})

    (found,) = bakery.examine("sales")

    assert (found.is_ok, found.is_judged) == (True, False)
