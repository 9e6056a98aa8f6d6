"""Wires settings to engines. Every entry point (Dagster, the `eco` command, tests, benchmarks) gets its engines from here.

Nothing is opened before it is used, and nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.landing import Landed, Landing
from eco_assets.aurion.load import load
from eco_assets.aurion.published import publish
from eco_assets.aurion.quarantine import quarantine_of
from eco_assets.aurion.stream.inbox import remove_loaded
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.errors import DataRejected, NotFound
from eco_assets.lake import Lake
from eco_assets.ledger import Ledger
from eco_assets.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from eco_assets.jorge.engine import Engine
    from eco_assets.jorge.world import World
    from eco_assets.mcp.gateway import Gateway
    from ml.language.embeddings import Encoder
    from ml.tracking import Registry
    from notion_sync.knowledge import Knowledge

CLOCK_SOURCES = (("varejo.orders", "order_purchase_timestamp"), ("comercial.leads", "first_contact_date"))


class Platform:
    """All engines of one installation."""

    def __init__(self, settings: Settings) -> None:
        settings.claim_home()
        self.settings = settings

    @cached_property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.lake, catalog=self.settings.lake_catalog, wait_s=self.settings.lake_wait_s)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.settings.ledger_db)

    @cached_property
    def landing(self) -> Landing:
        """Landing over the data root; the twin is generated first where there is no real data."""
        if self.settings.data is None:
            from eco_assets.twin.generate import generate

            with self.lake.writing():
                generate(self.settings.data_root, seed=self.settings.twin_seed, scale=self.settings.twin_scale)
        return Landing(self.lake, self.settings.data_root, self.settings.inbox)

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        from ml.tracking import Registry

        reviewed = self.settings.model_review == "required"
        return Registry(self.settings.mlflow_uri, self.settings.mlflow_artifacts, is_reviewed=reviewed)

    @cached_property
    def text_encoder(self) -> Encoder | None:
        """The transformer that texts may be read with; None without one."""
        from ml.language.embeddings import encoder

        return encoder(self.settings.text_encoder, self.settings.home / "embeddings")

    @cached_property
    def gateway(self) -> Gateway:
        """What answers the questions of policies; without a provider, local heads of the champion models."""
        from eco_assets.mcp.gateway import open_gateway
        from eco_assets.mcp.gateway.heads import champion_heads
        from eco_assets.mcp.gateway.routing_log import learnt_router

        return open_gateway(self.settings, champion_heads(lambda: self.registry), learnt_router(self.settings.gateway))

    @cached_property
    def knowledge(self) -> Knowledge:
        """The knowledge base: a folder, or Notion where `NOTION_TOKEN` is set."""
        from notion_sync.knowledge import open_knowledge

        settings = self.settings
        database = settings.home / "knowledge" / "sync.db"
        place = (settings.notion_token, settings.notion_parent, settings.notion_url)
        return open_knowledge(settings.knowledge, database, *place, looks=settings.knowledge_comment_looks)

    @property
    def workspace(self) -> Knowledge:
        """Where pages are published: the knowledge base."""
        return self.knowledge

    @property
    def dbt_project(self) -> Path:
        """The dbt project's folder."""
        return PROJECT_ROOT / "dbt_project"

    @cached_property
    def world(self) -> World:
        """The doors through which steps and alerts act on the outside."""
        from eco_assets.jorge.world import World

        settings = self.settings
        return World(settings.outbox, settings.jorge_url or settings.jorge_db.with_name("bookings.db"), settings.doors_file)

    def engine(self) -> AbstractContextManager[Engine]:
        """The durable engine: with a worker in this process, or, where resident workers serve it, only its port."""
        from eco_assets.jorge.agents import WORKFLOWS
        from eco_assets.jorge.launch import open_engine, open_port
        from eco_assets.jorge.worker import is_served

        settings = self.settings
        if is_served(settings.jorge_target):
            return open_port(settings.jorge_target, WORKFLOWS)
        return open_engine(settings.jorge_db, WORKFLOWS, self.world, pause_s=settings.steps_slow_ms / 1000, home=settings.home)

    def ingest(self, domain: str, contracts: list[Contract] | None = None) -> list[Landed]:
        """Land and load the sources of a domain; returns what became of each."""
        chosen = [contract for contract in contracts or load_contracts() if contract.domain == domain]
        landed = [self.landing.land(contract) for contract in chosen]
        load(self.lake, self.landing, landed)
        for contract in chosen:
            if contract.server == "inbox":
                remove_loaded(self.settings.inbox, self.landing.batches, contract.table)
        publish(quarantine_of(self))
        return [self.landing.refreshed(source) for source in landed]

    def sync(self, connection: str, tables: set[str] | None = None) -> Iterator[Landed]:
        """Read a connection into the lake, a table at a time; `tables` limits it to those.

        Raises:
            NotFound, ConfigError: there is no such connection, or it is incomplete.
            SourceRefused, SourceUnavailable: as its connector; what was committed before stays.
        """
        from eco_assets.aurion.connections import open_connector, read_connection
        from eco_assets.aurion.sync import Source, sync

        found = read_connection(self.settings.connections_root, connection)
        chosen = [(stream, contract) for stream, contract in found.contracts() if tables is None or contract.table in tables]
        connector = open_connector(connection, self.settings.connections_root, self.settings.runtimes)
        return self._synced(sync(self.lake, self.landing, Source(connection, connector, found.settled(), chosen)))

    def _synced(self, tables: Iterator[Landed]) -> Iterator[Landed]:
        """The tables as they come; what they put into quarantine is published even where the source breaks off."""
        try:
            yield from tables
        finally:
            publish(quarantine_of(self))

    def business_date(self) -> date:
        """The last day of the live sources' accepted data: the day that is decided by default, and where recorded sources end.

        Raises:
            DataRejected: neither orders nor leads were ever accepted; says why.
        """
        known = {contract.table: contract for contract in load_contracts()}
        reasons: list[str] = []
        for table, column in CLOCK_SOURCES:
            landed = self.landing.land(known[table])
            waiting = [self.landing.parquet(batch) for batch in landed.batches if batch.status == "validated"]
            day = _last_day(waiting, column) or self._served_day(table, column)
            if day:
                return day
            reasons.extend(landed.reasons)
        raise DataRejected("no business day is known, because no orders and no leads were accepted: " + "; ".join(reasons))

    def _served_day(self, table: str, column: str) -> date | None:
        """The last day in the lake; not of the files that were loaded, because compaction deletes those."""
        import duckdb

        try:
            with self.lake.raw() as db:
                return _day(db.execute(f"SELECT CAST(max({column}) AS DATE) FROM {table}").fetchone())
        except (NotFound, duckdb.CatalogException):  # nothing was loaded yet
            return None


def _last_day(files: list[Path], column: str) -> date | None:
    import duckdb

    present = [str(path) for path in files if path.exists()]
    if not present:
        return None
    with duckdb.connect() as db:
        return _day(db.execute(f"SELECT CAST(max({column}) AS DATE) FROM read_parquet($files)", {"files": present}).fetchone())


def _day(row: tuple[Any, ...] | None) -> date | None:
    value = row[0] if row else None
    return value.date() if isinstance(value, datetime) else value
