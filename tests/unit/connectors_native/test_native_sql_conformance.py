"""The conformance suite on the database connectors: PostgreSQL and MariaDB servers, a SQLite file."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conformance import WRONG_SECRET, Credentials, Deletes, Row, Subject, Unreachable
from native_servers import MariaDB, Postgres, free_port

NUMBERS = itertools.count(1)
COLUMNS = (
    "id bigint PRIMARY KEY, name varchar(50), amount decimal(12,2), updated_at {moment} NOT NULL, is_deleted boolean DEFAULT false NOT NULL"
)


class SqlSubject(Subject):
    """A database with the suite's table; what was deleted is known by comparing keys."""

    factory = "eco_assets.aurion.connectors.sql:SqlConnector"
    dialect = "sql"

    def __init__(self) -> None:
        super().__init__()
        self.arguments = {"dialect": self.dialect}

    def connect(self) -> Any:
        raise NotImplementedError

    def own(self) -> dict[str, Any]:
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        return {**self.own(), "batch_rows": 20, "tables": {"items": {"cursor": "updated_at", "deletes": {"compare_keys": True}}}}

    def wrong_config(self) -> dict[str, Any]:
        return {**self.config(), "password": WRONG_SECRET}

    def unreachable_config(self) -> dict[str, Any]:
        return {**self.config(), "port": free_port()}

    def run(self, *lines: tuple[str, Sequence[Any]]) -> None:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            for line, values in lines:
                cursor.execute(line, values)

    def write(self, rows: Sequence[Row]) -> None:
        lines: list[tuple[str, Sequence[Any]]] = []
        for row in rows:
            lines.append(("DELETE FROM items WHERE id = %s", [row["id"]]))
            lines.append((f"INSERT INTO items ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())))
        self.run(*lines)

    def delete(self, ids: Sequence[int]) -> None:
        self.run(*(("DELETE FROM items WHERE id = %s", [number]) for number in ids))

    def widen(self) -> None:
        self.run(("ALTER TABLE items ADD COLUMN channel varchar(20)", []))


class PostgresSubject(SqlSubject):
    dialect = "postgres"

    def __init__(self, server: Postgres) -> None:
        super().__init__()
        self.server, self.database = server, f"suite{next(NUMBERS)}"
        with closing(server.connect()) as connection:
            connection.execute(f"CREATE DATABASE {self.database}")
        self.run((f"CREATE TABLE items ({COLUMNS.format(moment='timestamptz')})", []))

    def connect(self) -> Any:
        import psycopg

        return psycopg.connect(**self.server.address(), dbname=self.database, autocommit=True)

    def own(self) -> dict[str, Any]:
        return self.server.config(self.database)


class MariaSubject(SqlSubject):
    dialect = "mysql"

    def __init__(self, server: MariaDB) -> None:
        super().__init__()
        self.server, self.database = server, f"suite{next(NUMBERS)}"
        with closing(server.connect()) as connection:
            connection.cursor().execute(f"CREATE DATABASE {self.database}")
        self.run((f"CREATE TABLE items ({COLUMNS.format(moment='datetime')})", []))

    def connect(self) -> Any:
        connection = self.server.connect()
        connection.select_db(self.database)
        return connection

    def own(self) -> dict[str, Any]:
        return self.server.config(self.database)


class SqliteSubject(SqlSubject):
    has_secret = False

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.run((f"CREATE TABLE items ({COLUMNS.format(moment='timestamp')})", []))

    def connect(self) -> Any:
        return sqlite3.connect(self.path, isolation_level=None)

    def run(self, *lines: tuple[str, Sequence[Any]]) -> None:
        super().run(
            *((line.replace("%s", "?"), [str(v) if not isinstance(v, int | float) else v for v in values]) for line, values in lines)
        )

    def own(self) -> dict[str, Any]:
        return {"url": f"sqlite:///{self.path}"}


class TestPostgres(Deletes, Credentials, Unreachable):
    @pytest.fixture
    def subject(self, postgres: Postgres) -> Iterator[Subject]:
        return PostgresSubject(postgres)


class TestMariaDB(Deletes, Credentials, Unreachable):
    @pytest.fixture
    def subject(self, mariadb: MariaDB) -> Iterator[Subject]:
        return MariaSubject(mariadb)


class TestSqlite(Deletes):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Iterator[Subject]:
        return SqliteSubject(tmp_path / "shop.db")
