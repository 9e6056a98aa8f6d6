"""Database servers of a session: started when a test first wants one, killed at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from native_servers import MariaDB, Postgres, mariadb_binaries, postgres_binaries


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server binaries: apt-get install postgresql")
    server = Postgres(tmp_path_factory.mktemp("postgres"), binaries)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB server."""
    binaries = mariadb_binaries()
    if binaries is None:
        pytest.skip("no MariaDB server: apt-get install mariadb-server")
    server = MariaDB(tmp_path_factory.mktemp("mariadb"), binaries)
    server.start()
    yield server
    server.kill()
