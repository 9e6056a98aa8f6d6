"""Quarantine that people read, fix and replay: every corrected row once, whatever is run twice, killed or delivered in between."""

from __future__ import annotations

import csv
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from quality_house import DAY, Bakery, sales

from eco_assets.aurion.load import Load, commit
from eco_assets.aurion.published import publish
from eco_assets.aurion.replay import replay
from eco_assets.errors import DataRejected, NotFound

WHOLE = {"sales": {"custom": {"onInvalidRow": "quarantine_batch", "maxInvalidRows": 0}}}


def broken_sales() -> list[list[object]]:
    """Ten sales; rows 3 and 8 are broken."""
    rows = sales(10)
    rows[2][4], rows[7][2] = "five", "yesterday"
    return rows


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two bakeries below, made once and copied for each test."""
    root = tmp_path_factory.mktemp("bakeries")
    Bakery(root / "rows").deliver("sales", broken_sales())
    house = Bakery(root / "whole", **WHOLE)
    house.deliver("sales", sales(4))
    house.deliver("sales", broken_sales())
    return root


@pytest.fixture
def bakery(delivered: Path, tmp_path: Path) -> Bakery:
    """A bakery whose sales were delivered with two broken rows, which were set aside."""
    shutil.copytree(delivered / "rows", tmp_path, dirs_exist_ok=True)
    return Bakery(tmp_path)


@pytest.fixture
def refused(delivered: Path, tmp_path: Path) -> Bakery:
    """A bakery whose second delivery was refused whole; the first one is served."""
    shutil.copytree(delivered / "whole", tmp_path, dirs_exist_ok=True)
    return Bakery(tmp_path, **WHOLE)


def served(bakery: Bakery) -> list[tuple[Any, ...]]:
    return bakery.query("SELECT sale_id, price, sold_on, _eco_file, _eco_row FROM padaria.sales ORDER BY ALL")


def only(bakery: Bakery) -> Any:
    (held,) = bakery.quarantine.held()
    return held


class TestReading:
    """What is held back, and why."""

    def test_broken_rows_are_listed_with_their_reasons_and_without_personal_data(self, bakery: Bakery) -> None:
        held = only(bakery)
        rows = bakery.quarantine.rows(held.batch)

        assert (held.is_whole, held.status, held.batch.rejected) == (False, "open", 2)
        assert [(row["_eco_row"], row["price"], row["_eco_reasons"]) for row in rows] == [
            ("3", "five", "price: not a valid DOUBLE"),
            ("8", "5.0", "sold_on: not a valid DATE"),
        ]
        assert {row["customer"] for row in rows} == {"•••"}

    def test_personal_data_is_shown_when_it_is_asked_for(self, bakery: Bakery) -> None:
        rows = bakery.quarantine.rows(only(bakery).batch, reveal=True)

        assert [row["customer"] for row in rows] == ["Cliente 2", "Cliente 7"]

    def test_a_file_refused_whole_is_listed_with_its_broken_rows(self, refused: Bakery) -> None:
        held = only(refused)

        assert (held.is_whole, held.status) == (True, "open")
        assert [row["_eco_row"] for row in refused.quarantine.rows(held.batch)] == ["3", "8"]
        assert refused.quarantine.copy(held.batch) is not None

    def test_a_batch_is_found_by_the_beginning_of_its_id(self, bakery: Bakery) -> None:
        held = only(bakery)

        assert bakery.quarantine.get(held.batch.batch_id[:6]) == held
        with pytest.raises(NotFound, match="eco quarantine list"):
            bakery.quarantine.get("zzz")

    def test_a_newer_delivery_settles_what_was_held_back(self, bakery: Bakery) -> None:
        bakery.deliver("sales", sales(10))

        assert bakery.quarantine.held() == []
        assert [held.status for held in bakery.quarantine.held(everything=True)] == ["superseded"]


class TestRows:
    """Rows that were set aside join their file's others."""

    def test_corrected_rows_join_under_their_file_and_number(self, bakery: Bakery) -> None:
        quarantine, held = bakery.quarantine, only(bakery)
        assert len(served(bakery)) == 8
        quarantine.fix(held, {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana", why="cash book")

        done = replay(quarantine, held, by="Ana")

        assert (done.rows, done.waiting) == (2, 0)
        rows = served(bakery)
        assert len(rows) == 10
        assert (3, 5.5, sales(10)[2][2], "padaria/sales.csv", 3) in rows
        assert bakery.query(f"SELECT sale_id FROM padaria.sales WHERE _eco_batch = '{done.batch_id}' ORDER BY 1") == [(3,), (8,)]
        assert bakery.quarantine.held() == []

    def test_the_same_file_again_keeps_the_corrected_rows_and_is_clean(self, bakery: Bakery) -> None:
        quarantine, held = bakery.quarantine, only(bakery)
        quarantine.fix(held, {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana")
        replay(quarantine, held, by="Ana")
        before = served(bakery)

        landed = bakery.ingest("sales")

        assert (landed.is_accepted, landed.reasons) == (True, ())
        assert served(bakery) == before

    def test_a_later_delivery_replaces_everything(self, bakery: Bakery) -> None:
        quarantine, held = bakery.quarantine, only(bakery)
        quarantine.fix(held, {3: {"price": "5.5"}}, by="Ana")
        replay(quarantine, held, by="Ana")

        bakery.deliver("sales", sales(10, price=9.0))

        assert [row[:2] for row in served(bakery)] == [(row[0], row[4]) for row in sales(10, price=9.0)]

    def test_a_row_that_is_still_broken_is_named_and_nothing_changes(self, bakery: Bakery) -> None:
        quarantine, held = bakery.quarantine, only(bakery)
        quarantine.fix(held, {3: {"price": "six"}, 8: {"sold_on": str(DAY)}}, by="Ana")
        before = bakery.lake.snapshots("raw")

        with pytest.raises(DataRejected, match=r"still broken: padaria/sales.csv: row 3, column price: not a valid DOUBLE"):
            replay(quarantine, held, by="Ana")

        assert bakery.lake.snapshots("raw") == before
        assert only(bakery).batch == held.batch

    def test_rows_are_corrected_one_after_another_and_each_is_served_once(self, bakery: Bakery) -> None:
        quarantine = bakery.quarantine
        quarantine.fix(only(bakery), {3: {"price": "5.5"}}, by="Ana")
        first = replay(quarantine, only(bakery), by="Ana")
        again = replay(quarantine, only(bakery), by="Ana")
        quarantine.fix(only(bakery), {8: {"sold_on": str(DAY)}}, by="Rui")
        last = replay(quarantine, only(bakery), by="Rui")

        assert [(each.rows, each.waiting) for each in (first, again, last)] == [(1, 1), (0, 1), (1, 0)]
        assert [row[0] for row in served(bakery)] == list(range(1, 11))
        assert bakery.landing.batches.list("padaria.sales")[0].rows == 10

    def test_a_corrected_row_may_not_take_the_key_of_a_served_one(self, bakery: Bakery) -> None:
        quarantine, held = bakery.quarantine, only(bakery)
        quarantine.fix(held, {3: {"price": "5.5", "sale_id": "4"}}, by="Ana")

        with pytest.raises(DataRejected, match="row 3, column sale_id: occurs already in a row that is served"):
            replay(quarantine, held, by="Ana")

        assert len(served(bakery)) == 8

    def test_a_row_that_cannot_be_mended_is_left_out(self, bakery: Bakery) -> None:
        quarantine, held = bakery.quarantine, only(bakery)
        quarantine.fix(held, {3: {"price": "5.5"}}, by="Ana", leave_out=[8])

        done = replay(quarantine, held, by="Ana")

        assert (done.rows, done.waiting) == (1, 0)
        assert bakery.quarantine.held() == []

    def test_an_export_is_corrected_in_a_table_and_read_back(self, bakery: Bakery, tmp_path: Path) -> None:
        quarantine, held, file = bakery.quarantine, only(bakery), tmp_path / "out.csv"
        assert quarantine.export(held, file) == 2
        text = file.read_text(encoding="utf-8")
        assert "Cliente" not in text
        file.write_text(text.replace("five", "5.5").replace("yesterday", str(DAY)), encoding="utf-8")

        assert quarantine.fix_from(held, file, by="Ana") == 2
        assert replay(quarantine, held, by="Ana").rows == 2
        assert bakery.query("SELECT customer FROM padaria.sales WHERE sale_id IN (3, 8) ORDER BY 1") == [("Cliente 2",), ("Cliente 7",)]

    def test_corrections_outlive_a_new_version_of_the_contract(self, bakery: Bakery) -> None:
        bakery.quarantine.fix(only(bakery), {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana")
        path = bakery.contract("sales").path
        path.write_text(path.read_text(encoding="utf-8").replace("version: 1.0.0", "version: 1.0.1"), encoding="utf-8")
        bakery.ingest("sales")

        held = only(bakery)

        assert (held.batch.contract_version, held.status) == ("1.0.1", "edited")
        assert replay(bakery.quarantine, held, by="Ana").rows == 2
        assert len(served(bakery)) == 10

    def test_what_was_done_cannot_be_changed_afterwards(self, bakery: Bakery) -> None:
        quarantine, held = bakery.quarantine, only(bakery)
        quarantine.fix(held, {3: {"price": "5.5"}}, by="Ana", why="cash book")
        (edit,) = quarantine.edits.of(held.batch)

        assert (edit.row, edit.column, edit.before, edit.after, edit.by, edit.why) == (3, "price", "five", "5.5", "Ana", "cash book")
        path = bakery.lake.root / "quarantine.db"
        assert path.stat().st_mode & 0o077 == 0
        with sqlite3.connect(path) as db:
            for statement in ("UPDATE edits SET by = 'Rui'", "DELETE FROM edits"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    db.execute(statement)

    @pytest.mark.parametrize(("row", "column", "words"), [(4, "price", "holds no row 4"), (3, "colour", "has no column 'colour'")])
    def test_a_correction_of_what_is_not_there_is_refused(self, bakery: Bakery, row: int, column: str, words: str) -> None:
        with pytest.raises(NotFound, match=words):
            bakery.quarantine.fix(only(bakery), {row: {column: "1"}}, by="Ana")


class TestWholeFiles:
    """A file that was refused whole is replayed as if it had come corrected."""

    def corrected(self, house: Bakery) -> Any:
        held = only(house)
        house.quarantine.fix(held, {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana")
        return replay(house.quarantine, held, by="Ana")

    def test_it_is_served_in_the_place_of_the_earlier_delivery(self, refused: Bakery) -> None:
        assert len(served(refused)) == 4

        done = self.corrected(refused)

        assert (done.rows, done.waiting) == (10, 0)
        assert [row[0] for row in served(refused)] == list(range(1, 11))
        assert refused.quarantine.held() == []

    def test_the_broken_file_at_the_source_is_no_fault_any_more_until_another_comes(self, refused: Bakery) -> None:
        self.corrected(refused)
        before = served(refused)

        landed = refused.ingest("sales")

        assert landed.is_accepted
        assert served(refused) == before
        assert refused.deliver("sales", sales(6)).is_accepted
        assert len(served(refused)) == 6

    def test_an_old_replay_does_not_take_the_place_of_a_newer_delivery(self, refused: Bakery) -> None:
        held = only(refused)
        self.corrected(refused)
        refused.deliver("sales", sales(6))

        with pytest.raises(DataRejected, match=r"a newer delivery of padaria/sales\.csv is served"):
            replay(refused.quarantine, held, by="Ana")

        assert len(served(refused)) == 6

    def test_while_it_is_broken_it_says_so_and_changes_nothing(self, refused: Bakery) -> None:
        held = only(refused)
        with pytest.raises(DataRejected, match="nothing of it was corrected"):
            replay(refused.quarantine, held, by="Ana")
        refused.quarantine.fix(held, {3: {"price": "5.5"}}, by="Ana")
        before = refused.lake.snapshots("raw"), refused.landing.batches.list()

        with pytest.raises(DataRejected, match="row 8, column sold_on: not a valid DATE"):
            replay(refused.quarantine, only(refused), by="Ana")

        assert (refused.lake.snapshots("raw"), refused.landing.batches.list()) == before

    def test_replayed_twice_it_is_served_once(self, refused: Bakery) -> None:
        held = only(refused)
        self.corrected(refused)
        snapshots = refused.lake.snapshots("raw")

        assert replay(refused.quarantine, held, by="Ana").rows == 0
        assert refused.lake.snapshots("raw") == snapshots

    def test_a_file_that_cannot_be_read_is_corrected_as_a_whole(self, tmp_path: Path) -> None:
        house = Bakery(tmp_path, **WHOLE)
        house.deliver("sales", sales(10))
        good = house.path("sales").read_bytes()
        house.path("sales").write_bytes(good.replace("pão".encode(), "pão".encode("latin-1")))
        house.ingest("sales")
        held = only(house)
        assert "is not utf-8" in held.batch.reasons[0]
        assert house.quarantine.rows(held.batch) == []
        (tmp_path / "mended.csv").write_bytes(good.replace(b"Cliente 9", b"Cliente nove"))

        house.quarantine.fix_from(held, tmp_path / "mended.csv", by="Ana")
        done = replay(house.quarantine, only(house), by="Ana")

        assert done.rows == 10
        assert house.query("SELECT customer FROM padaria.sales WHERE sale_id = 10") == [("Cliente nove",)]

    def test_a_dropped_file_lets_its_source_go_on_and_says_who_gave_it_up(self, refused: Bakery) -> None:
        held, before = only(refused), served(refused)
        copy = refused.quarantine.copy(held.batch)
        refused.quarantine.drop(held, by="Ana", why="sent by mistake")

        landed = refused.ingest("sales")

        assert landed.is_accepted
        assert landed.reasons == ("padaria/sales.csv: given up by Ana: sent by mistake",)
        assert served(refused) == before
        assert copy is not None
        assert not copy.exists()
        (outcome,) = refused.quarantine.edits.outcomes()[held.batch.batch_id]
        assert (outcome.outcome, outcome.by, outcome.why) == ("dropped", "Ana", "sent by mistake")
        with pytest.raises(DataRejected, match="is dropped"):
            replay(refused.quarantine, held, by="Ana")


class TestConnectors:
    """A batch that a connector read, refused whole."""

    def test_it_takes_the_place_of_no_row_that_came_since(self, tmp_path: Path) -> None:
        house = Bakery(tmp_path)
        contract = replace(house.contract("sales"), server="connection", load_mode="upsert", keeps_good_rows=False)

        def rows(*lines: tuple[int, str]) -> pa.Table:
            names = ("store_id", "sold_on", "product", "customer")
            empty = {name: pa.array([None] * len(lines), pa.string()) for name in names}
            return pa.table({"sale_id": [each[0] for each in lines], "price": [each[1] for each in lines], **empty})

        refused = house.landing.land_rows(contract, rows((1, "1.5"), (2, "two"), (3, "3.5")), "shop/sales 1", source="shop")
        newer = house.landing.land_rows(contract, rows((3, "33")), "shop/sales 2", source="shop")
        commit(house.lake, house.landing, [Load(contract, [newer])])
        assert refused.status == "quarantined"
        quarantine = house.quarantine
        quarantine._contracts["padaria.sales"] = contract
        quarantine.fix(quarantine.get(refused.batch_id), {2: {"price": "2.5"}}, by="Ana")

        done = replay(quarantine, quarantine.get(refused.batch_id), by="Ana")

        assert done.rows == 2
        assert [row[:2] for row in served(house)] == [(1, 1.5), (2, 2.5), (3, 33.0)]
        again = house.landing.land_rows(contract, rows((1, "1.5"), (2, "two"), (3, "3.5")), "shop/sales 1", source="shop")
        assert again.batch_id == done.batch_id


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from quality_house import Bakery
from eco_assets.aurion.replay import replay
import duckdb  # imported first, so that the kill falls into the work
house = Bakery.__new__(Bakery)
house.root = Path(sys.argv[1])
quarantine = house.quarantine
(held,) = quarantine.held()
print("ready", flush=True)
replay(quarantine, held, by="Ana")
print("done", flush=True)
"""


def test_a_replay_killed_before_its_commit_still_waits_for_somebody(refused: Bakery, monkeypatch: pytest.MonkeyPatch) -> None:
    refused.quarantine.fix(only(refused), {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana")

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as broken, pytest.raises(SystemExit):
        broken.setattr("eco_assets.aurion.replay.commit", killed)
        replay(refused.quarantine, only(refused), by="Ana")

    held = only(refused)
    assert (held.status, len(served(refused))) == ("edited", 4)
    assert replay(refused.quarantine, held, by="Ana").rows == 10
    assert refused.quarantine.held() == []


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_replay_killed_again_and_again_ends_with_every_row_once(tmp_path: Path, is_whole: bool) -> None:
    house = Bakery(tmp_path, **(WHOLE if is_whole else {}))
    if is_whole:
        house.deliver("sales", sales(4))
    house.deliver("sales", broken_sales())
    house.quarantine.fix(only(house), {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana")
    for after_s in (0.05, 0.25, 0.5):
        worker = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert worker.stdout is not None
        if worker.stdout.readline() != "ready\n":  # the one before had finished
            break
        time.sleep(after_s)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()

    for held in house.quarantine.held():
        replay(house.quarantine, held, by="Ana")

    assert [row[0] for row in served(house)] == list(range(1, 11))
    assert house.quarantine.held() == []
    assert house.ingest("sales").is_accepted
    assert len(served(house)) == 10


def test_a_replay_of_rows_that_died_after_its_commit_counts_them_once(bakery: Bakery) -> None:
    held = only(bakery)
    bakery.quarantine.fix(held, {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana")
    first = replay(bakery.quarantine, held, by="Ana")
    bakery.landing.batches.save(held.batch)  # the register was not told

    again = replay(bakery.quarantine, held, by="Ana")

    assert again.batch_id == first.batch_id
    assert [row[0] for row in served(bakery)] == list(range(1, 11))
    assert [batch.rows for batch in bakery.landing.batches.list("padaria.sales", "loaded")] == [10]
    assert bakery.query("SELECT sum(rows) FROM aurion.loads") == [(10,)]


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_replay_of_a_file_that_died_before_its_commit_is_finished(
    refused: Bakery, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    held = only(refused)
    refused.quarantine.fix(held, {3: {"price": "5.5"}, 8: {"sold_on": str(DAY)}}, by="Ana")
    with monkeypatch.context() as patched:
        patched.setattr("eco_assets.aurion.replay.commit", died)
        with pytest.raises(KeyboardInterrupt):
            replay(refused.quarantine, held, by="Ana")
    assert len(served(refused)) == 4

    if by_hand:
        assert replay(refused.quarantine, held, by="Ana").rows == 10
    landed = refused.ingest("sales")

    assert landed.is_accepted
    assert [row[0] for row in served(refused)] == list(range(1, 11))
    assert refused.query("SELECT count(*), sum(rows) FROM aurion.loads") == [(2, 14)]


def died(*_: object) -> None:
    raise KeyboardInterrupt


def test_people_who_ask_in_sql_find_what_is_held_back_without_personal_data(bakery: Bakery) -> None:
    assert publish(bakery.quarantine) == 1
    snapshots = bakery.lake.snapshots("raw")
    assert publish(bakery.quarantine) == 0
    assert bakery.lake.snapshots("raw") == snapshots

    rows = bakery.query("SELECT tbl, file, row, reasons, status, content FROM quarantine.rows ORDER BY row")
    assert [row[:5] for row in rows] == [
        ("padaria.sales", "padaria/sales.csv", 3, "price: not a valid DOUBLE", "open"),
        ("padaria.sales", "padaria/sales.csv", 8, "sold_on: not a valid DATE", "open"),
    ]
    assert '"price": "five"' in rows[0][5]
    assert "Cliente" not in repr(rows)
    bakery.quarantine.fix(only(bakery), {3: {"price": "5.5"}}, by="Ana")
    replay(bakery.quarantine, only(bakery), by="Ana")
    publish(bakery.quarantine)
    assert bakery.query("SELECT rows, status, edits FROM quarantine.batches") == [(1, "edited", 1)]


def test_an_export_keeps_line_breaks_and_quotes(tmp_path: Path) -> None:
    house = Bakery(tmp_path)
    rows = broken_sales()
    rows[2][3] = '"pão ""doce"", e\nbolo"'
    house.deliver("sales", rows)

    house.quarantine.export(only(house), tmp_path / "out.csv")

    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        assert next(csv.DictReader(stream))["product"] == 'pão "doce", e\nbolo'
    assert house.quarantine.fix_from(only(house), tmp_path / "out.csv", by="Ana") == 0
