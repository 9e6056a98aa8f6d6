"""The ledger: what is written stays, in one chain, whoever writes and whatever dies."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eco_assets.errors import LedgerError, NotFound
from eco_assets.ledger import GENESIS, Entry, Head, Ledger, _use_wal, canonical

WRITER = """
import sys
from pathlib import Path
from eco_assets.ledger import Entry, Ledger
ledger, name, count = Ledger(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(count):
    ledger.append([Entry("decision", f"{name}-{number}-{part}", "varejo", "2026-10-31", {"n": number}) for part in range(3)])
"""
DISK_FULL = """
import resource, signal, sys
from pathlib import Path
from eco_assets.errors import LedgerError
from eco_assets.ledger import Entry, Ledger
ledger = Ledger(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for number in range(1000):
        ledger.append([Entry("decision", f"full-{number}", "varejo", "2026-10-31", {"text": "x" * 5000})])
except LedgerError as error:
    print(error)
"""


def entry(number: int, kind: str = "decision", agent: str = "varejo", as_of: str = "2026-10-31") -> Entry:
    return Entry(kind, f"{number:04d}", agent, as_of, {"n": number, "palavra": "decisão"})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture
def full(ledger: Ledger) -> Ledger:
    ledger.append(entry(number) for number in range(1, 11))
    return ledger


def bypass(tmp_path: Path, *statements: str) -> None:
    """Change the file as somebody with write access to it would."""
    db = sqlite3.connect(tmp_path / "ledger.db")
    with db:
        for statement in ("DROP TRIGGER entries_never_change", "DROP TRIGGER entries_never_go", *statements):
            db.execute(statement)
    db.close()


def test_an_empty_ledger_is_valid(ledger: Ledger) -> None:
    assert ledger.verify() == ledger.head() == Head(0, GENESIS)
    assert ledger.append([]) == 0


def test_an_entry_is_written_once_and_the_first_one_stands(ledger: Ledger) -> None:
    assert ledger.append([entry(1), entry(1), entry(2)]) == 2
    assert ledger.append([Entry("decision", "0001", "varejo", "2026-10-31", {"n": 99})]) == 0

    assert ledger.get("decision", "0001")["n"] == 1
    assert ledger.verify().seq == 2


def test_the_same_id_under_another_kind_is_another_entry(ledger: Ledger) -> None:
    assert ledger.append([entry(1), entry(1, kind="execution")]) == 2
    assert ledger.known("execution", ["0001", "0002"]) == {"0001"}


@pytest.mark.parametrize("statement", ["UPDATE entries SET body = '{}' WHERE seq = 3", "DELETE FROM entries WHERE seq = 10"])
def test_the_file_itself_refuses_a_change(full: Ledger, tmp_path: Path, statement: str) -> None:
    db = sqlite3.connect(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    db.close()
    assert full.verify().seq == 10


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("""UPDATE entries SET body = replace(body, '"n":3', '"n":4') WHERE seq = 3""", "entry 3"),
        ("UPDATE entries SET agent = 'agencia' WHERE seq = 5", "entry 5"),
        ("UPDATE entries SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = 6", "entry 6"),
        ("DELETE FROM entries WHERE seq = 4", "entry 5"),
        ("DELETE FROM entries WHERE seq = 1", "entry 2"),
        ("UPDATE entries SET seq = 99 WHERE seq = 7", "entry 8"),
        ("INSERT INTO entries SELECT 11, kind, 'new', agent, as_of, at, body, previous, hash FROM entries WHERE seq = 10", "entry 11"),
    ],
)
def test_a_changed_removed_or_inserted_entry_is_found_and_named(full: Ledger, tmp_path: Path, statement: str, place: str) -> None:
    bypass(tmp_path, statement)

    with pytest.raises(LedgerError, match=place):
        full.verify()


def test_a_cut_off_tail_is_found(full: Ledger, tmp_path: Path) -> None:
    bypass(tmp_path, "DELETE FROM entries WHERE seq > 8")

    with pytest.raises(LedgerError, match="ends at entry 8, but entry 10 was written"):
        full.verify()


def test_a_replaced_tail_is_found(full: Ledger, tmp_path: Path) -> None:
    head = (tmp_path / "ledger.head").read_text(encoding="ascii")
    bypass(tmp_path, "DELETE FROM entries WHERE seq > 8")
    full.append([entry(77), entry(78)])
    (tmp_path / "ledger.head").write_text(head, encoding="ascii")

    with pytest.raises(LedgerError, match="entry 10"):
        full.verify()


def test_a_damaged_head_file_is_a_ledger_error(full: Ledger, tmp_path: Path) -> None:
    (tmp_path / "ledger.head").write_text("", encoding="ascii")

    with pytest.raises(LedgerError, match=r"ledger\.head"):
        full.verify()


def test_a_file_that_is_no_ledger_is_a_ledger_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("this is no database, whatever its name says" * 100, encoding="utf-8")

    with pytest.raises(LedgerError, match=r"ledger\.db"):
        Ledger(tmp_path / "ledger.db").verify()


def test_a_folder_where_the_file_should_be_is_a_ledger_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()

    with pytest.raises(LedgerError, match="check the disk and the file's permissions"):
        Ledger(tmp_path / "ledger.db").append([entry(1)])


def test_a_head_file_that_cannot_be_written_is_a_ledger_error(full: Ledger, tmp_path: Path) -> None:
    (tmp_path / "ledger.head").unlink()
    (tmp_path / "ledger.head").mkdir()

    with pytest.raises(LedgerError, match=r"ledger\.head"):
        full.append([entry(11)])


def test_a_full_disk_is_a_ledger_error_and_leaves_the_chain_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    said = subprocess.run([sys.executable, "-c", DISK_FULL, str(path)], capture_output=True, text=True, check=True, timeout=60)

    assert "could not be read or written" in said.stdout
    before = Ledger(path).verify().seq
    assert Ledger(path).append([entry(1)]) == 1
    assert Ledger(path).verify().seq == before + 1 > 1


def test_a_value_that_json_has_no_word_for_is_refused_and_nothing_is_written(full: Ledger) -> None:
    with pytest.raises(LedgerError, match="0099"):
        full.append([entry(50), Entry("decision", "0099", "varejo", "2026-10-31", {"p": float("nan")})])

    assert full.verify().seq == 10


def test_two_processes_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "40"], stdout=subprocess.DEVNULL) for name in ("a", "b", "a")
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]

    ledger = Ledger(path)
    assert ledger.verify().seq == 2 * 40 * 3
    assert len(ledger.list("decision")) == 240
    assert (tmp_path / "ledger.head").read_text(encoding="ascii").split() == [str(ledger.head().seq), ledger.head().hash]


def test_a_writer_killed_again_and_again_leaves_a_valid_chain(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for attempt in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), f"w{attempt}", "100000"], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.03 + 0.037 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        Ledger(path).verify()

    ledger = Ledger(path)
    whole = {record["n"] for record in ledger.list("decision")}
    assert whole, "the writers must have written something"
    assert len(ledger.list("decision")) % 3 == 0, "a batch is written whole or not at all"
    assert ledger.append([entry(1)]) == 1


def test_an_entry_is_found_by_the_beginning_of_its_id(full: Ledger) -> None:
    assert full.get("decision", "0010")["n"] == 10
    with pytest.raises(NotFound, match="more than one decision begins with '000'"):
        full.get("decision", "000")
    with pytest.raises(NotFound, match="no decision begins with 'zz'"):
        full.get("decision", "zz")


def test_a_listing_keeps_the_order_and_filters(ledger: Ledger) -> None:
    ledger.append([entry(3), entry(1), entry(2, agent="agencia"), entry(4, as_of="2026-10-30")])

    assert [record["n"] for record in ledger.list("decision")] == [3, 1, 2, 4]
    assert [record["n"] for record in ledger.list("decision", agent="varejo", as_of="2026-10-31")] == [3, 1]
    assert [record["seq"] for record in ledger.list("decision", agent="agencia")] == [3]


def test_the_newest_hash_of_a_day_is_that_days_own(ledger: Ledger) -> None:
    ledger.append([entry(1)])
    mark = ledger.last(agent="varejo", as_of="2026-10-31")
    ledger.append([entry(2, agent="agencia"), entry(3, as_of="2026-10-30")])

    assert ledger.last(agent="varejo", as_of="2026-10-31") == mark
    assert ledger.last(agent="industrial", as_of="2026-10-31") == GENESIS


def test_a_value_has_one_spelling() -> None:
    assert canonical({"b": 1, "a": "ção"}) == canonical({"a": "ção", "b": 1}) == '{"a":"ção","b":1}'
    assert json.loads(canonical([1.5, None, True])) == [1.5, None, True]


def test_sqlite_s_refusal_to_wait_while_another_process_opens_or_closes_is_waited_out(tmp_path: Path) -> None:
    class Busy(sqlite3.Connection):
        """Locked twice, as seen once between two processes; no test of ours makes SQLite do it at will."""

        left = 2

        def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
            if "journal_mode" in statement and self.left:
                self.left -= 1
                raise sqlite3.OperationalError("database is locked")
            return super().execute(statement, *values)  # type: ignore[arg-type]

    db = sqlite3.connect(tmp_path / "ledger.db", factory=Busy)
    _use_wal(db, wait_s=10)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.left = 2
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        _use_wal(db, wait_s=0)
    db.close()
