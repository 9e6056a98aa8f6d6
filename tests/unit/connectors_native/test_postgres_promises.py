"""PostgreSQL where it hurts: late commits, equal cursors, odd values, deletes, a server that dies while it is read."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from native_servers import PASSWORD, Postgres, free_port, postgres_binaries

from eco_assets.aurion.connectors.protocol import OPERATION, Batch, State
from eco_assets.aurion.connectors.sql import SqlConnector
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

NUMBERS = itertools.count(1)
CONNECTOR = SqlConnector("postgres")
LEDGER = "CREATE TABLE ledger (id int PRIMARY KEY, amount numeric(12,2), changed_at timestamptz NOT NULL DEFAULT now())"


class Base:
    """A database of its own, and what the connector reads from it."""

    def __init__(self, server: Postgres) -> None:
        self.server, self.name = server, f"base{next(NUMBERS)}"
        with closing(server.connect()) as connection:
            connection.execute(f"CREATE DATABASE {self.name}")
        self.tables: dict[str, Any] = {"ledger": {"cursor": "changed_at", "lookback": 0}}
        self.more: dict[str, Any] = {}

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.server.address(), dbname=self.name, autocommit=autocommit)

    def run(self, *lines: str) -> None:
        with self.connect() as connection:
            for line in lines:
                connection.execute(line)

    def config(self) -> dict[str, Any]:
        return {**self.server.config(self.name), "batch_rows": 100, "tables": self.tables, **self.more}

    def batches(self, state: State | None = None, *names: str) -> Iterator[Batch]:
        streams = [s for s in CONNECTOR.discover(self.config()) if s.name in (names or ("ledger",))]
        return CONNECTOR.read(self.config(), streams, state or {})

    def read(self, state: State | None = None, *names: str) -> tuple[list[dict[str, Any]], State]:
        """All rows and the state after them, which went through JSON as in the lake."""
        rows, last = [], dict(state or {})
        for batch in self.batches(state, *names):
            rows += batch.rows.to_pylist()
            last = json.loads(json.dumps(batch.state))
        return rows, last


@pytest.fixture
def base(postgres: Postgres) -> Base:
    return Base(postgres)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return sorted(row["id"] for row in rows)


def test_a_transaction_that_commits_late_is_read_even_without_look_back(base: Base) -> None:
    base.run(LEDGER)
    with base.connect(autocommit=False) as slow:
        slow.execute("INSERT INTO ledger VALUES (1, 10)")  # its cursor is now; it commits after the reading
        time.sleep(0.05)
        base.run("INSERT INTO ledger SELECT g, 1 FROM generate_series(2, 40) g", "INSERT INTO ledger VALUES (41, 1)")
        rows, state = base.read()
        assert ids(rows) == list(range(2, 42))
        slow.commit()
    rows, state = base.read(state)
    assert ids(rows) == [1]
    assert base.read(state)[0] == []


def test_a_prepared_transaction_is_read_when_it_commits(base: Base) -> None:
    base.tables["ledger"]["lookback"] = 2
    base.run(LEDGER, "BEGIN", "INSERT INTO ledger VALUES (1, 10)", "PREPARE TRANSACTION 'two phases'")
    base.run("INSERT INTO ledger VALUES (2, 1, now() + interval '1 hour')")
    rows, state = base.read()
    assert ids(rows) == [2]
    base.run("COMMIT PREPARED 'two phases'")
    assert ids(base.read(state)[0]) == [1]


def test_a_late_commit_without_a_zone_is_within_the_look_back(base: Base) -> None:
    base.tables["ledger"]["lookback"] = 60
    base.run(LEDGER.replace("timestamptz", "timestamp"))
    base.run("INSERT INTO ledger VALUES (1, 1, '2026-01-01 10:00:00'), (2, 1, '2026-01-01 10:00:30')")
    _, state = base.read()
    base.run("INSERT INTO ledger VALUES (3, 1, '2026-01-01 09:59:31'), (4, 1, '2026-01-01 09:59:29')")
    rows, state = base.read(state)
    assert ids(rows) == [3], "30 s - 60 s is where the look-back ends"
    assert base.read(state)[0] == []


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_rows_of_one_cursor_value_come_once_wherever_the_reading_is_cut(base: Base, key: str) -> None:
    base.run(LEDGER.replace("PRIMARY KEY", key))
    base.run("INSERT INTO ledger SELECT g, 1, '2026-01-01 10:00+00' FROM generate_series(1, 450) g")
    whole = list(base.batches())
    for cut in range(1, len(whole)):
        rows = [row for batch in whole[:cut] for row in batch.rows.to_pylist()]
        rest, state = base.read(json.loads(json.dumps(whole[cut - 1].state)))
        assert ids(rows + rest) == list(range(1, 451))
        base.run("INSERT INTO ledger VALUES (0, 1, '2026-01-01 10:00+00')")  # smaller key, same moment: after the fact
        assert ids(base.read(state)[0]) == [0]
        base.run("DELETE FROM ledger WHERE id = 0")


def test_keys_of_any_type_go_on_where_they_were_cut(base: Base) -> None:
    big = 5_000_000_000
    for kind, value in [
        ("bigint", f"{big} + g"),
        ("uuid", "md5(g::text)::uuid"),
        ("numeric(20,0)", f"{big}::numeric * {big} + g"),
        ("date", "date '2000-01-01' + g"),
        ("text", "'é' || g"),
        ("smallint", "g"),
    ]:
        base.run("DROP TABLE IF EXISTS ledger", f"CREATE TABLE ledger (id {kind} PRIMARY KEY, changed_at timestamptz NOT NULL)")
        base.run(f"INSERT INTO ledger SELECT {value}, '2026-01-01 10:00+00' FROM generate_series(1, 250) g")
        whole = list(base.batches())
        rest, state = base.read(json.loads(json.dumps(whole[0].state)))
        assert len({row["id"] for row in [*whole[0].rows.to_pylist(), *rest]}) == 250, kind
        assert len(rest) == 150, kind
        assert base.read(state)[0] == [], kind


def test_cursors_of_any_type_go_on_and_come_once(base: Base) -> None:
    for kind, value in [
        ("bigint", "5000000000 + g / 3"),
        ("numeric(20,4)", "g / 3 + 0.5"),
        ("date", "date '2000-01-01' + g / 3"),
        ("text", "lpad((g / 3)::text, 9, '0')"),
        ("timestamp", "timestamp '2026-01-01' + g / 3 * interval '1 s'"),
    ]:
        base.run("DROP TABLE IF EXISTS ledger", f"CREATE TABLE ledger (id int PRIMARY KEY, changed_at {kind} NOT NULL)")
        base.run(f"INSERT INTO ledger SELECT g, {value} FROM generate_series(1, 250) g")
        whole = list(base.batches())
        for cut in range(len(whole)):
            rest, state = base.read(json.loads(json.dumps(whole[cut].state)))
            assert ids([row for batch in whole[: cut + 1] for row in batch.rows.to_pylist()] + rest) == list(range(1, 251)), kind
            assert base.read(state)[0] == [], kind


def test_equal_rows_without_a_key_are_as_many_as_in_the_source(base: Base) -> None:
    base.run("CREATE TABLE ledger (what text, changed_at timestamptz)")
    base.run("INSERT INTO ledger SELECT 'fee', '2026-01-01 10:00+00' FROM generate_series(1, 250)")
    first = next(base.batches())
    rest, state = base.read(first.state)
    assert first.rows.num_rows + len(rest) == 250
    base.run("INSERT INTO ledger VALUES ('fee', '2026-01-01 10:00+00')")
    rows, state = base.read(state)
    assert len(rows) == 1
    assert base.read(state)[0] == []


def test_rows_without_a_cursor_value_come_once_and_again_when_they_change(base: Base) -> None:
    base.run("CREATE TABLE ledger (id int PRIMARY KEY, amount int, changed_at timestamptz)")
    base.run("INSERT INTO ledger VALUES (1, 1, NULL), (2, 2, NULL), (3, 3, '2026-01-01 10:00+00')")
    rows, state = base.read()
    assert ids(rows) == [1, 2, 3]
    base.run("UPDATE ledger SET amount = 20 WHERE id = 2", "INSERT INTO ledger VALUES (4, 4, NULL)")
    rows, state = base.read(state)
    assert ids(rows) == [2, 4]
    base.run("UPDATE ledger SET changed_at = '2026-01-02 10:00+00' WHERE id = 1")
    rows, state = base.read(state)
    assert ids(rows) == [1]
    assert base.read(state)[0] == []


def test_a_number_as_cursor_looks_back_by_units(base: Base) -> None:
    base.tables["ledger"] = {"cursor": "id", "lookback": 10}
    base.run(LEDGER, "INSERT INTO ledger SELECT g, 1 FROM generate_series(1, 120) g WHERE g <> 115 AND g <> 100")
    _, state = base.read()
    base.run("INSERT INTO ledger VALUES (115, 1), (100, 1), (121, 1)")  # a sequence's gap is filled late; 100 is below the look-back
    assert ids(base.read(state)[0]) == [115, 121]


def test_a_change_while_the_table_is_read_comes_with_the_next_reading(base: Base) -> None:
    base.run(LEDGER, "INSERT INTO ledger SELECT g, 1, '2026-01-01'::timestamptz + g * interval '1 minute' FROM generate_series(1, 400) g")
    reading = base.batches()
    first = next(reading)
    base.run("UPDATE ledger SET amount = 2, changed_at = now() WHERE id IN (5, 390)", "DELETE FROM ledger WHERE id = 395")
    rest = list(reading)
    rows = [row for batch in [first, *rest] for row in batch.rows.to_pylist()]
    assert Counter(ids(rows)) == Counter(range(1, 401)), "one state of the table, as it was when reading began"
    changed, _ = base.read(rest[-1].state)
    assert sorted((row["id"], row["amount"]) for row in changed) == [(5, Decimal("2.00")), (390, Decimal("2.00"))]


def test_two_tables_are_read_in_one_state(base: Base) -> None:
    base.tables = {}
    base.run(
        "CREATE TABLE a (v int)",
        "CREATE TABLE b (v int)",
        "INSERT INTO a SELECT 1 FROM generate_series(1, 300)",
        "INSERT INTO b VALUES (0)",
    )
    reading = base.batches(None, "a", "b")
    first = next(reading)
    base.run("DELETE FROM a", "UPDATE b SET v = 300")
    assert sum(sum(batch.rows["v"].to_pylist()) for batch in [first, *reading]) == 300


def test_values_are_exact(base: Base) -> None:
    base.tables = {"odd": {"types": {"ratio": "decimal(40,10)"}}}
    base.run(
        "CREATE TYPE mood AS ENUM ('ok')",
        "CREATE TABLE odd (id bigint PRIMARY KEY, money numeric(38,2), any_digits numeric, ratio numeric, note text, raw bytea, doc jsonb,"
        " who uuid, tags text[], feel mood, span interval, at timestamptz, local timestamp, day date, hour time, yes boolean,"
        " f double precision)",
        "INSERT INTO odd VALUES (1, 123456789012345678901234567890123456.78, 0.1234567890123456789012345678901234567890, 1.0000000001,"
        " E'a,\"b\"\\nc', '\\xdead00', '{\"v\": 0.10000000000000000001}', '6f2a5f52-0000-4000-8000-000000000001', ARRAY['x','y,z'], 'ok',"
        " '1 day 2 hours', '2026-03-01 10:00:00.000001-03', '2026-03-01 10:00', '2026-03-01', '10:00', true, 0.1)",
        "INSERT INTO odd (id, note) VALUES (2, '')",
        "INSERT INTO odd (id) VALUES (3)",
    )
    rows, _ = base.read(None, "odd")
    one, two, three = rows
    assert one["money"] == Decimal("123456789012345678901234567890123456.78")
    assert one["any_digits"] == "0.1234567890123456789012345678901234567890"
    assert one["ratio"] == Decimal("1.0000000001")
    assert (one["note"], two["note"], three["note"]) == ('a,"b"\nc', "", None)
    assert one["raw"] == b"\xde\xad\x00"
    assert json.loads(one["doc"], parse_float=Decimal)["v"] == Decimal("0.10000000000000000001")
    assert (one["who"], one["tags"], one["feel"], one["span"]) == ("6f2a5f52-0000-4000-8000-000000000001", '{x,"y,z"}', "ok", "P1DT2H")
    assert one["at"] == dt.datetime(2026, 3, 1, 13, 0, 0, 1, tzinfo=dt.UTC)
    assert one["local"] == dt.datetime(2026, 3, 1, 10)  # noqa: DTZ001
    assert (one["day"], one["hour"], one["yes"], one["f"]) == (dt.date(2026, 3, 1), "10:00:00", True, 0.1)
    assert all(value is None for name, value in three.items() if name != "id")


def test_a_value_that_fits_no_type_makes_its_column_text_and_loses_nothing(base: Base) -> None:
    base.tables = {}
    base.run("CREATE TABLE odd (id int, until date, price numeric(6,2), yes boolean)")
    base.run("INSERT INTO odd VALUES (1, 'infinity', 1.50, true), (2, '2026-01-01', 'NaN', false)")
    [batch] = base.batches(None, "odd")
    assert batch.rows.to_pylist() == [
        {"id": 1, "until": "infinity", "price": "1.50", "yes": True},
        {"id": 2, "until": "2026-01-01", "price": "NaN", "yes": False},
    ]


def test_a_cursor_that_is_no_moment_is_refused(base: Base) -> None:
    base.run(LEDGER, "INSERT INTO ledger VALUES (1, 1, 'infinity')")
    with pytest.raises(SourceRefused, match=r"ledger\.changed_at holds a value"):
        base.read()


def test_discover_gives_keys_views_types_and_other_schemas(base: Base) -> None:
    base.run(
        LEDGER,
        "CREATE VIEW newest AS SELECT * FROM ledger",
        "CREATE SCHEMA audit",
        "CREATE TABLE audit.log (a int, b int, PRIMARY KEY (b, a))",
    )
    base.more = {"schemas": ["audit"], "cursor_columns": ["changed_at"]}
    base.tables = {"newest": {"key": ["id"], "cursor": None}}
    found = {stream.name: stream for stream in CONNECTOR.discover(base.config())}
    assert sorted(found) == ["audit.log", "ledger", "newest"]
    assert (found["ledger"].key, found["ledger"].cursor) == (("id",), "changed_at")
    assert (found["newest"].key, found["newest"].cursor) == (("id",), None)
    assert found["audit.log"].key == ("b", "a")
    assert found["ledger"].schema.field("amount").type == pa.decimal128(12, 2)
    assert found["ledger"].schema.field("changed_at").type == pa.timestamp("us", "UTC")


def test_a_mark_in_a_column_tells_a_delete(base: Base) -> None:
    base.tables["ledger"]["deletes"] = {"column": "gone_at"}
    base.run(LEDGER, "ALTER TABLE ledger ADD gone_at timestamptz", "INSERT INTO ledger VALUES (1, 1), (2, 1)")
    rows, state = base.read()
    assert {row["id"]: row[OPERATION] for row in rows} == {1: "upsert", 2: "upsert"}
    base.run("UPDATE ledger SET gone_at = now(), changed_at = now() WHERE id = 2")
    rows, _ = base.read(state)
    assert [(row["id"], row[OPERATION]) for row in rows] == [(2, "delete")]


def test_a_table_of_deletions_tells_what_is_gone_and_not_what_came_back(base: Base) -> None:
    base.tables["ledger"]["deletes"] = {"table": "ledger_deleted", "key": {"ledger_id": "id"}, "cursor": "at"}
    base.run(LEDGER, "CREATE TABLE ledger_deleted (ledger_id int, at timestamptz NOT NULL DEFAULT clock_timestamp())")
    base.run("INSERT INTO ledger SELECT g, 1 FROM generate_series(1, 5) g")
    _, state = base.read()
    base.run("DELETE FROM ledger WHERE id IN (2, 3)", "INSERT INTO ledger_deleted VALUES (2), (3)", "INSERT INTO ledger VALUES (3, 9)")
    rows, state = base.read(state)
    assert [(row["id"], row.get(OPERATION)) for row in rows] == [(2, "delete"), (3, None)]
    assert base.read(state)[0] == []
    base.run("DELETE FROM ledger WHERE id = 3", "INSERT INTO ledger_deleted VALUES (3)")
    rows, _ = base.read(state)
    assert [(row["id"], row[OPERATION]) for row in rows] == [(3, "delete")]


def test_compared_keys_tell_a_row_that_went_before_the_first_reading_was_over(base: Base) -> None:
    base.tables["ledger"]["deletes"] = {"compare_keys": True}
    base.run(LEDGER, "INSERT INTO ledger SELECT g, 1, '2026-01-01'::timestamptz + g * interval '1 minute' FROM generate_series(1, 300) g")
    first = next(base.batches())
    base.run("DELETE FROM ledger WHERE id IN (7, 299)")
    rows, state = base.read(json.loads(json.dumps(first.state)))
    assert [row["id"] for row in rows if row.get(OPERATION) == "delete"] == [7], "299 was never delivered"
    base.run("DELETE FROM ledger WHERE id = 8")
    assert [(row["id"], row[OPERATION]) for row in base.read(state)[0]] == [(8, "delete")]


def test_a_server_that_is_killed_while_it_is_read_loses_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server binaries: apt-get install postgresql")
    server = Postgres(tmp_path_factory.mktemp("killed"), binaries)
    server.start()
    try:
        base = Base(server)
        base.run(
            LEDGER.replace("amount numeric(12,2)", "note text"),  # 25 MB: more than the sockets between us hold
            "INSERT INTO ledger SELECT g, repeat('x', 600), '2026-01-01'::timestamptz + g/2 * interval '1 s'"
            " FROM generate_series(1, 40000) g",
        )
        base.more = {"batch_rows": 1000}
        reading, taken = base.batches(), []
        taken += [next(reading) for _ in range(3)]
        server.kill()
        with pytest.raises(SourceUnavailable):
            taken.extend(reading)
        with pytest.raises(SourceUnavailable):
            CONNECTOR.check(base.config())
        server.start()
        rest, state = base.read(json.loads(json.dumps(taken[-1].state)))
        assert ids([row for batch in taken for row in batch.rows.to_pylist()] + rest) == list(range(1, 40001))
        assert base.read(state)[0] == []
    finally:
        server.kill()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(base: Base) -> None:
    base.run("CREATE VIEW slow AS SELECT pg_sleep(20)::text AS v")
    base.tables, base.more = {}, {"statement_timeout_s": 0.3}
    began = time.monotonic()
    with pytest.raises(SourceUnavailable, match="statement timeout"):
        base.read(None, "slow")
    assert time.monotonic() - began < 10


def test_a_server_that_says_nothing_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = {
            "host": "127.0.0.1",
            "port": silent.getsockname()[1],
            "database": "d",
            "user": "u",
            "password": PASSWORD,
            "connect_timeout_s": 2,
        }
        with pytest.raises(SourceUnavailable):
            CONNECTOR.check(config)


def test_tls_is_asked_for_as_configured(base: Base, tmp_path: Path) -> None:
    for mode in ("require", "verify-full"):
        base.more = {"tls": {"mode": mode, "ca": str(tmp_path / "none.pem")}}
        with pytest.raises(SourceRefused):  # this server has no TLS, or the authority's file is not there
            CONNECTOR.check(base.config())


def test_a_table_or_database_that_is_not_there_is_refused(base: Base) -> None:
    base.run(LEDGER)
    [stream] = CONNECTOR.discover(base.config())
    base.run("DROP TABLE ledger")
    with pytest.raises(SourceRefused, match="ledger"):
        list(CONNECTOR.read(base.config(), [stream], {}))
    with pytest.raises(SourceRefused, match="does not exist"):
        CONNECTOR.check({**base.config(), "database": "nowhere"})


def test_a_configuration_names_what_is_wrong_with_it(base: Base) -> None:
    base.run(LEDGER)
    for tables, words in [
        ({"ledger": {"cursor": "changed"}}, "no column `changed`"),
        ({"ledger": {"types": {"amount": "money"}}}, "no type `money`"),
        ({"ledger": {"deletes": {"compare_keys": True}}}, "needs a cursor and a key"),
        ({"ledger": {"curser": "x"}}, "curser"),
    ]:
        base.tables = tables
        with pytest.raises(ConfigError, match=words):
            CONNECTOR.discover(base.config())
    with pytest.raises(ConfigError, match="port"):
        CONNECTOR.check({**base.config(), "port": str(free_port())})
