"""A connection in the graph: its tables are assets of a job of their own, read on from where they stand."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import dagster as dg
import pytest

from eco_assets.aurion.connections import Draft, write_connection
from eco_assets.aurion.connectors.sql import SqlConnector
from eco_assets.definitions import build_defs
from eco_assets.defs.connections import JOB
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from resources.platform import PlatformResource

KEY = dg.AssetKey(["raw", "financeiro", "orders"])


def change(shop: Path, rows: list[tuple[int, str, str]]) -> None:
    with sqlite3.connect(shop) as db:
        db.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, total NUMERIC(10, 2), updated_at TIMESTAMP NOT NULL)")
        db.executemany("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", rows)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database outside, and a connection to it."""
    path = tmp_path / "shop.db"
    change(path, [(number, "10.50", f"2026-01-{number:02d} 10:00:00") for number in range(1, 21)])
    monkeypatch.setenv("ECO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CAIXA_URL", f"sqlite:///{path}")
    connector = SqlConnector("sql")
    config = {"url": f"sqlite:///{path}", "cursor_columns": ["updated_at"]}
    streams = connector.discover(config)
    write_connection(tmp_path / "home" / "connections", Draft("caixa", "sql", "financeiro", config, streams), connector.spec())
    return path


def run() -> tuple[dg.ExecuteInProcessResult, Platform]:
    platform = Platform(Settings.from_env())
    definitions = build_defs({"platform": PlatformResource.of(platform)})
    return definitions.resolve_job_def(JOB).execute_in_process(raise_on_error=False), platform


def test_a_connections_table_is_read_and_then_read_on(shop: Path) -> None:
    first, _ = run()
    change(shop, [(3, "99.00", "2026-02-01 10:00:00"), (21, "1.00", "2026-02-02 10:00:00")])
    second, platform = run()

    assert first.success
    assert second.success
    counts = [
        result.asset_materializations_for_node("connection_caixa")[0].metadata["dagster/row_count"].value for result in (first, second)
    ]
    assert counts[0] == 20
    with platform.lake.raw() as db:
        assert db.execute("SELECT count(*), max(total)::INTEGER FROM financeiro.orders").fetchall() == [(21, 99)]


def test_a_source_that_is_gone_fails_its_own_job_and_keeps_what_is_served(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setenv("CAIXA_URL", "postgresql+psycopg://eco:segredo@127.0.0.1:1/nothing")
    monkeypatch.setattr("eco_assets.defs.connections.RETRY", dg.RetryPolicy(max_retries=0))

    failed, platform = run()

    assert not failed.success
    with platform.lake.raw() as db:
        assert db.execute("SELECT count(*) FROM financeiro.orders").fetchall() == [(20,)]
    failures = [event for event in failed.all_events if event.is_step_failure]
    told = " ".join(str(event.step_failure_data.error) for event in failures)
    assert "127.0.0.1" in told
    assert "segredo" not in told


def test_the_daily_jobs_read_no_connection(shop: Path) -> None:
    assert shop.exists()
    repository = build_defs().get_repository_def()
    for job in repository.get_all_jobs():
        if job.name == JOB or job.name.startswith("__"):
            continue
        assert KEY not in job.asset_layer.executable_asset_keys, job.name
