"""Fixtures that every test may use: the generated business (made once a session) and a platform on a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import postgres, postgres_binary

from eco_assets.platform import Platform
from eco_assets.settings import Settings


@pytest.fixture(scope="session")
def twin_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated business at a fifth of its size. Shared: read it, copy it, never change it."""
    from eco_assets.twin.generate import generate

    root = tmp_path_factory.mktemp("twin") / "data"
    generate(root, scale=0.2)
    return root


@pytest.fixture
def data_root(twin_files: Path, tmp_path: Path) -> Path:
    """A copy of the generated business that the test may damage."""
    return Path(shutil.copytree(twin_files, tmp_path / "data"))


@pytest.fixture
def platform(data_root: Path, tmp_path: Path) -> Platform:
    """All engines on an empty home, over `data_root`."""
    return Platform(Settings(home=tmp_path / "home", data=data_root, lake_wait_s=30))


@pytest.fixture(scope="module")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL server on loopback, one a file: what befalls it cannot reach the tests of another."""
    if postgres_binary("postgres") is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty database of its own on that server."""
    import uuid

    import psycopg

    name = f"eco_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    return postgres_server.rsplit("/", 1)[0] + f"/{name}"
