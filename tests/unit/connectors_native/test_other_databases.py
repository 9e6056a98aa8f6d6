"""MariaDB, SQLite, and what can be seen of SQL Server without one: address, options, SQL, sockets that refuse or are silent."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import socket
import sqlite3
import threading
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from native_servers import PASSWORD, MariaDB, free_port, mariadb_binaries

from eco_assets.aurion.connectors.protocol import State
from eco_assets.aurion.connectors.sql import SqlConnector
from eco_assets.aurion.connectors.sql_dialects import DIALECTS, translated
from eco_assets.aurion.connectors.sql_sweep import Sweep
from eco_assets.aurion.connectors.sql_tables import Column, Table
from eco_assets.errors import ConfigError, SourceRefused, SourceUnavailable

NUMBERS = itertools.count(1)


class Maria:
    """A database of its own on MariaDB."""

    def __init__(self, server: MariaDB) -> None:
        self.server, self.name, self.more = server, f"base{next(NUMBERS)}", dict[str, Any]()
        self.connector = SqlConnector("mysql")
        with closing(server.connect()) as connection:
            connection.cursor().execute(f"CREATE DATABASE {self.name}")

    def run(self, *lines: str) -> None:
        with closing(self.server.connect()) as connection:
            connection.select_db(self.name)
            for line in lines:
                connection.cursor().execute(line)

    def config(self) -> dict[str, Any]:
        return {**self.server.config(self.name), "batch_rows": 100, "cursor_columns": ["changed_at"], **self.more}

    def read(self, state: State | None = None) -> tuple[list[dict[str, Any]], State]:
        rows, last = [], dict(state or {})
        for batch in self.connector.read(self.config(), self.connector.discover(self.config()), last):
            rows += batch.rows.to_pylist()
            last = json.loads(json.dumps(batch.state))
        return rows, last


def test_mariadb_values_are_exact(mariadb: MariaDB) -> None:
    base = Maria(mariadb)
    base.run(
        "CREATE TABLE odd (id bigint unsigned PRIMARY KEY, money decimal(38,2), local_at datetime(6), at timestamp(6) NULL, day date,"
        " hour time, small tinyint, note varchar(20), raw varbinary(4), doc json)",
        "INSERT INTO odd VALUES (18446744073709551615, 123456789012345678901234567890123456.78, '2026-03-01 10:00:00.000001',"
        " NULL, '2026-03-01', '10:00:01', -3, '', x'dead00', '{\"v\": 0.10000000000000000001}')",
        "SET time_zone = '-03:00'",
        "UPDATE odd SET at = '2026-03-01 10:00:00'",
    )
    [row], _ = base.read()
    assert (row["id"], row["money"]) == (18446744073709551615, Decimal("123456789012345678901234567890123456.78"))
    assert row["local_at"] == dt.datetime(2026, 3, 1, 10, 0, 0, 1)  # noqa: DTZ001
    assert row["at"] == dt.datetime(2026, 3, 1, 13, tzinfo=dt.UTC), "a TIMESTAMP is a moment, whatever the session's zone was"
    assert (row["day"], row["small"], row["note"], row["raw"]) == (dt.date(2026, 3, 1), -3, "", b"\xde\xad\x00")
    assert "0.10000000000000000001" in row["doc"]


def test_mariadb_text_keeps_quotes_lines_percent_signs_and_every_letter(mariadb: MariaDB) -> None:
    base = Maria(mariadb)
    told = ['say "hi"', "two\r\nlines", "100 % {x} :y %s", "", "ação 🙂", "back\\slash", ",", " "]
    base.run(
        "CREATE TABLE t (`id` int PRIMARY KEY, `odd % name` varchar(50) CHARACTER SET utf8mb4, latin varchar(20) CHARACTER SET latin1)"
    )
    with closing(mariadb.connect()) as connection:
        connection.select_db(base.name)
        for number, text in enumerate(told):
            connection.cursor().execute("INSERT INTO t VALUES (%s, %s, 'ação')", (number, text))
        connection.cursor().execute("INSERT INTO t VALUES (99, NULL, NULL)")
    rows, _ = base.read()
    assert [row["odd % name"] for row in rows] == [*told, None]
    assert {row["latin"] for row in rows} == {"ação", None}


def test_mariadb_rows_of_one_second_come_once_and_late_ones_too(mariadb: MariaDB) -> None:
    base = Maria(mariadb)
    base.run(
        "CREATE TABLE ledger (id int PRIMARY KEY, changed_at datetime NOT NULL)",
        "INSERT INTO ledger SELECT seq, '2026-01-01 10:00:00' FROM seq_1_to_350",
    )
    first = next(base.connector.read(base.config(), base.connector.discover(base.config()), {}))
    rest, state = base.read(json.loads(json.dumps(first.state)))
    assert sorted([*first.rows["id"].to_pylist(), *(row["id"] for row in rest)]) == list(range(1, 351))
    base.run("INSERT INTO ledger VALUES (0, '2026-01-01 10:00:00'), (1000, '2026-01-01 09:56:00'), (2000, '2026-01-01 09:00:00')")
    rows, state = base.read(state)
    assert sorted(row["id"] for row in rows) == [0, 1000], "five minutes are looked back by default"
    assert base.read(state)[0] == []


def test_mariadb_ends_a_statement_that_takes_too_long(mariadb: MariaDB) -> None:
    base = Maria(mariadb)
    base.more = {"statement_timeout_s": 1}
    base.run("CREATE TABLE t (v int)", "INSERT INTO t VALUES (1)", "CREATE VIEW slow AS SELECT sleep(20) + v AS v FROM t")
    with pytest.raises(SourceUnavailable, match="max_statement_time"):
        base.read()


def test_mariadb_is_killed_while_it_is_read_and_loses_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    binaries = mariadb_binaries()
    if binaries is None:
        pytest.skip("no MariaDB server: apt-get install mariadb-server")
    server = MariaDB(tmp_path_factory.mktemp("killed"), binaries)
    server.start()
    try:
        base = Maria(server)
        base.run(
            "CREATE TABLE ledger (id int PRIMARY KEY, note text, changed_at datetime NOT NULL)",
            "INSERT INTO ledger SELECT seq, repeat('x', 2000), '2026-01-01' + INTERVAL seq DIV 3 SECOND FROM seq_1_to_8000",
        )
        base.more = {"batch_rows": 500}
        reading = base.connector.read(base.config(), base.connector.discover(base.config()), {})
        taken = [next(reading), next(reading)]
        server.kill()
        with pytest.raises(SourceUnavailable):
            taken.extend(reading)
        server.start()
        rest, _ = base.read(json.loads(json.dumps(taken[-1].state)))
        found = [number for batch in taken for number in batch.rows["id"].to_pylist()] + [row["id"] for row in rest]
        assert sorted(found) == list(range(1, 8001))
    finally:
        server.kill()


def test_sqlite_keeps_decimals_and_a_missing_file_is_refused_not_made(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE t (id integer PRIMARY KEY, price decimal(10,2), at timestamp, is_ok boolean)")
        db.execute("INSERT INTO t VALUES (1, 0.1, '2026-01-01 10:00', 1), (2, '12.34', NULL, 0)")
    connector = SqlConnector()
    config = {"url": f"sqlite:///{path}"}
    [batch] = connector.read(config, connector.discover(config), {})
    assert batch.rows.to_pylist() == [
        {"id": 1, "price": Decimal("0.10"), "at": "2026-01-01 10:00", "is_ok": True},
        {"id": 2, "price": Decimal("12.34"), "at": None, "is_ok": False},
    ]
    with pytest.raises(SourceRefused, match=r"none\.db"):
        connector.check({"url": f"sqlite:///{tmp_path / 'none.db'}"})
    assert not (tmp_path / "none.db").exists()


def test_a_url_that_cannot_be_read_is_named_and_not_shown() -> None:
    for url in ("postgres password", f"cobol://u:{PASSWORD}@h/d"):
        with pytest.raises(ConfigError, match="`url`") as told:
            SqlConnector().check({"url": url})
        assert PASSWORD not in str(told.value)


SQL_SERVER = {"host": "127.0.0.1", "database": "erp", "user": "sa", "password": PASSWORD}


def test_sql_server_is_addressed_with_its_limits() -> None:
    dialect = DIALECTS["sqlserver"]
    url = dialect.url({**SQL_SERVER, "port": 1444})
    _, arguments = sa.create_engine(url).dialect.create_connect_args(url)
    assert {name: arguments[name] for name in ("dsn", "port", "user", "password", "database")} == {
        "dsn": "127.0.0.1",
        "port": 1444,
        "user": "sa",
        "password": PASSWORD,
        "database": "erp",
    }
    assert dialect.connect({"connect_timeout_s": 3, "statement_timeout_s": 60}) == {"login_timeout": 3, "timeout": 60}


def test_sql_server_with_tls_asks_for_what_it_needs() -> None:
    with pytest.raises(ConfigError, match=r"pyOpenSSL|tls\.ca"):
        SqlConnector("sqlserver").check({**SQL_SERVER, "tls": {"mode": "verify-full"}})


def test_sql_server_gets_sql_that_it_understands() -> None:
    columns = (Column("id", pa.int32(), False), Column("at", pa.timestamp("us"), False, sa.DateTime()))
    table = Table("ledger", "dbo", "ledger", columns, ("id",), "at")
    engine = sa.create_engine(DIALECTS["sqlserver"].url(SQL_SERVER))

    class Session:
        backend, oldest = "mssql", None

    entry = {"at": ["2026-01-01T10:00:00.003000", "7"], "until": "2026-01-02T00:00:00", "next": "2026-01-01T23:00:00"}
    sweep = Sweep(Session(), table, entry, None)  # type: ignore[arg-type]
    select = sweep._where(sweep._after(sweep.at or [])).order_by(table.source.c["at"])
    sql = " ".join(str(select.compile(engine)).split())
    assert "FROM dbo.ledger WHERE" in sql
    assert sql.count("AS DATETIME)") == 2, "a DATETIME is not equal to its own value unless it is cast back"
    assert "SELECT TOP" in str(sa.select(table.source.c["at"]).limit(1).compile(engine))


def test_sql_server_that_refuses_the_connection_or_says_nothing_is_unavailable() -> None:
    connector = SqlConnector("sqlserver")
    with pytest.raises(SourceUnavailable):
        connector.check({**SQL_SERVER, "port": free_port(), "connect_timeout_s": 2})
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceUnavailable):
        connector.check({**SQL_SERVER, "port": silent.getsockname()[1], "connect_timeout_s": 1})


def test_sql_server_is_spoken_to_in_tds() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(64))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        with pytest.raises(SourceUnavailable):
            SqlConnector("sqlserver").check({**SQL_SERVER, "port": server.getsockname()[1], "connect_timeout_s": 2})
        thread.join(5)
    assert heard[0][:2] == b"\x12\x01", "a PRELOGIN packet, whole"
    assert PASSWORD.encode() not in heard[0]


def test_errors_of_drivers_are_told_apart() -> None:
    import psycopg
    import pymysql
    import pytds

    def kind(error: Exception) -> type[Exception]:
        return type(translated(error, "reading", {"password": PASSWORD}))

    assert kind(pymysql.err.OperationalError(1045, "Access denied for user")) is SourceRefused
    assert kind(pymysql.err.OperationalError(2006, "MySQL server has gone away")) is SourceUnavailable
    assert kind(psycopg.ProgrammingError("you cannot mix COPY with other operations")) is SourceUnavailable, "the server died"
    assert kind(psycopg.errors.UndefinedTable("relation does not exist")) is SourceRefused
    assert kind(pytds.LoginError("Login failed for user 'sa'.")) is SourceRefused
    assert kind(pytds.OperationalError("connection reset")) is SourceUnavailable
    assert PASSWORD not in str(translated(ValueError(f"bad {PASSWORD}"), "reading", {"password": PASSWORD}))
