"""Loading: every accepted row once, whatever comes again, changes or dies in between."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from served_house import House

from eco_assets.aurion.load import Load, _apply
from eco_assets.errors import ConfigError, DataRejected
from eco_assets.platform import Platform
from eco_assets.settings import Settings

LEADS, PUMPS, ITEMS = "comercial.leads", "industrial.pump_telemetry", "varejo.order_items"
INGEST = """
import sys
from pathlib import Path
from eco_assets.platform import Platform
from eco_assets.settings import Settings
import duckdb  # imported first, so that the kill falls into the work
root = Path(sys.argv[1])
platform = Platform(Settings(home=root / "home", data=root / "data"))
print("ready", flush=True)
platform.ingest("industrial")
"""


def test_the_same_content_twice_loads_nothing(house: House) -> None:
    before = house.served(LEADS)
    snapshots = house.platform.lake.snapshots("raw")

    landed = house.ingest(LEADS)

    assert [batch.status for batch in landed.batches] == ["loaded"]
    assert house.served(LEADS) == before
    assert house.platform.lake.snapshots("raw") == snapshots


def test_every_row_names_its_file_row_and_batch(house: House) -> None:
    (batch,) = house.ingest(LEADS).batches
    found = house.query(f"SELECT count(*), min(_eco_row), max(_eco_row), min(_eco_file), max(_eco_batch) FROM {LEADS}")

    assert found == (500, 1, 500, batch.file, batch.batch_id)


def test_a_changed_file_replaces_exactly_its_own_rows(house: House) -> None:
    before = house.served(PUMPS)
    lines = house.lines(PUMPS)
    house.write(PUMPS, lines[:-10])

    landed = house.ingest(PUMPS)

    after = house.served(PUMPS)
    file = "industrial/skab/data/valve1/0.csv"
    assert Counter(batch.status for batch in landed.batches) == {"loaded": 10}
    assert [row for row in after if row[-4] != file] == [row for row in before if row[-4] != file]
    assert len([row for row in after if row[-4] == file]) == len(lines) - 1 - 10


def test_a_new_file_adds_its_rows_and_touches_no_other(house: House) -> None:
    before = house.served(PUMPS)
    new = house.file(PUMPS).with_name("9.csv")
    new.write_bytes(house.file(PUMPS).read_bytes())

    house.ingest(PUMPS)

    after = house.served(PUMPS)
    assert [row for row in after if not row[-4].endswith("valve1/9.csv")] == before
    assert len(after) == len(before) + len(house.lines(PUMPS)) - 1


def test_an_additional_column_is_kept_as_text_and_announced(house: House) -> None:
    before = house.served(LEADS)
    lines = house.lines(LEADS)
    house.write(LEADS, [f"{line},{'note' if number == 0 else 'x'}" for number, line in enumerate(lines)])

    landed = house.ingest(LEADS)

    assert landed.is_accepted
    assert [row[:4] for row in house.served(LEADS)] == [row[:4] for row in before]
    assert landed.changes == ("column note is new: kept as text until contract 1.2.0 names it",)
    assert house.query(f"SELECT count(*), any_value(note) FROM {LEADS}") == (500, "x")


def test_columns_in_another_order_are_read_by_name(house: House) -> None:
    before = house.served(LEADS)
    house.write(LEADS, [",".join(reversed(line.split(","))) for line in house.lines(LEADS)])

    assert house.ingest(LEADS).is_accepted
    assert [row[:4] for row in house.served(LEADS)] == [row[:4] for row in before]


def test_the_first_content_sent_again_after_another_is_served_again(house: House) -> None:
    first, before = house.file(LEADS).read_bytes(), house.served(LEADS)
    house.write(LEADS, house.lines(LEADS)[:-5])
    house.ingest(LEADS)
    assert len(house.served(LEADS)) == 495
    house.file(LEADS).write_bytes(first)

    assert [batch.status for batch in house.ingest(LEADS).batches] == ["loaded"]
    assert [row[:4] for row in house.served(LEADS)] == [row[:4] for row in before]


def test_windows_line_ends_give_the_same_rows(house: House) -> None:
    before = house.served(LEADS)
    house.file(LEADS).write_bytes(house.file(LEADS).read_bytes().replace(b"\n", b"\r\n"))

    assert house.ingest(LEADS).is_accepted
    assert [row[:4] for row in house.served(LEADS)] == [row[:4] for row in before]


def test_folders_with_spaces_and_accents_load(house: House) -> None:
    root = house.root / "a loja de João"
    root.mkdir()
    (house.root / "data").rename(root / "data")
    other = House(root)

    assert other.ingest(LEADS).is_accepted
    with other.platform.lake.connect(read_only=False) as db:
        assert db.execute(f"SELECT count(*) FROM raw.{LEADS}").fetchone() == (500,)


def test_a_data_folder_with_a_quote_loads(house: House) -> None:
    data = (house.root / "data").rename(house.root / "d'Eco")
    platform = Platform(Settings(home=house.root / "fresh", data=data))

    assert all(landed.is_accepted for landed in platform.ingest("comercial"))


def test_a_home_with_a_quote_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must not hold a quote"):
        Platform(Settings(home=tmp_path / "d'Eco"))

    assert not list(tmp_path.iterdir())


def test_a_home_copied_elsewhere_goes_on_from_where_it_was(house: House) -> None:
    house.write(LEADS, house.lines(LEADS)[:-5])

    house.ingest(LEADS)

    assert len(house.served(LEADS)) == 495


def _killed_ingest(house: House, after_s: float) -> None:
    """Start an ingest in a process of its own and kill it."""
    worker = subprocess.Popen([sys.executable, "-c", INGEST, str(house.root)], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    time.sleep(after_s)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()


def test_an_ingest_killed_again_and_again_ends_with_every_row_once(house: House) -> None:
    thermometers = "industrial.machine_temperature"
    for after_s in (0.1, 0.25, 0.4, 0.6):
        for table in (PUMPS, thermometers):
            house.write(table, house.lines(table)[:-1])  # a new content each time, so that each attempt has something to load
        _killed_ingest(house, after_s)

    house.platform.ingest("industrial")

    for table in (PUMPS, thermometers):
        files = sorted((house.root / "data").glob(house.contract(table).glob))
        expected = {
            file.relative_to(house.root / "data").as_posix(): len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in files
        }
        with house.platform.lake.raw() as db:
            found = db.execute(
                f"SELECT _eco_file, count(*), count(DISTINCT _eco_row), count(DISTINCT _eco_batch) FROM {table} GROUP BY 1"
            ).fetchall()
        assert {file: rows for file, rows, _, _ in found} == expected
        assert all(rows == distinct and batches == 1 for _, rows, distinct, batches in found)


def test_a_load_killed_before_its_commit_serves_the_newest_content_next_time(house: House) -> None:
    house.write(LEADS, house.lines(LEADS)[:-5])
    house.platform.landing.land(house.contract(LEADS))  # validated, and then the process died
    house.write(LEADS, house.lines(LEADS)[:-5])

    house.ingest(LEADS)

    assert len(house.served(LEADS)) == 490


def test_a_load_killed_after_its_commit_is_not_loaded_again(house: House) -> None:
    house.write(LEADS, house.lines(LEADS)[:-5])
    landing, lake, contract = house.platform.landing, house.platform.lake, house.contract(LEADS)
    landed = landing.land(contract)
    lake.commit(lambda db: _apply(db, landing, Load(contract, landed.batches)), catalogue="raw")  # the register was not told

    snapshots = lake.snapshots("raw")
    assert [batch.status for batch in house.ingest(LEADS).batches] == ["loaded"]
    assert lake.snapshots("raw") == snapshots
    assert len(house.served(LEADS)) == 495


class TestBusinessDate:
    """The day that is decided by default."""

    def test_it_is_the_last_day_of_the_orders(self, platform: Platform) -> None:
        assert platform.business_date() == date(2026, 10, 31)

    def test_a_spoilt_delivery_keeps_the_day_of_what_is_served(self, platform: Platform) -> None:
        orders = platform.settings.data_root / "varejo/olist/olist_orders_dataset.csv"
        platform.ingest("varejo")
        orders.write_bytes(b"")

        assert platform.business_date() == date(2026, 10, 31)

    def test_it_is_known_after_compaction_deleted_the_files_that_were_loaded(self, platform: Platform) -> None:
        platform.ingest("varejo")
        for file in (platform.lake.data("raw") / "varejo" / "orders").glob("*.parquet"):
            file.rename(file.with_name(f"merged-{file.name}"))
        platform.lake.commit(lambda db: db.execute("DELETE FROM varejo.orders"), catalogue="raw")
        merged = str(platform.lake.data("raw") / "varejo" / "orders" / "merged-*.parquet")
        platform.lake.commit(lambda db: db.execute(f"INSERT INTO varejo.orders SELECT * FROM read_parquet('{merged}')"), catalogue="raw")

        assert platform.business_date() == date(2026, 10, 31)

    def test_without_orders_it_is_the_last_day_of_the_leads(self, platform: Platform) -> None:
        (platform.settings.data_root / "varejo/olist/olist_orders_dataset.csv").unlink()
        leads = next(platform.settings.data_root.glob("comercial/*/*qualified_leads*"))
        lines = leads.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.split(",")[1].startswith("2026-10-3")]
        leads.write_text("\n".join(kept) + "\n", encoding="utf-8")

        assert platform.business_date() == max(date.fromisoformat(line.split(",")[1]) for line in kept[1:])

    def test_without_orders_and_leads_it_says_what_is_wrong_with_both(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()

        with pytest.raises(DataRejected, match=r"olist_orders_dataset.*olist_marketing_qualified_leads"):
            Platform(Settings(home=tmp_path / "home", data=tmp_path / "data")).business_date()
