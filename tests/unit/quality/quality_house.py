"""A small bakery with contracts of its own: it shows that a rule is about its contract, not about the shop that it was written for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from eco_assets.aurion.batches import Batch
from eco_assets.aurion.landing import Landed, Landing
from eco_assets.aurion.load import load
from eco_assets.aurion.loads import create_tables, record_load
from eco_assets.aurion.quality.examine import examine, judge
from eco_assets.aurion.quality.findings import Finding
from eco_assets.aurion.quality.profiles import store
from eco_assets.aurion.quarantine import Quarantine
from eco_assets.contracts.contract import Contract, read_contract
from eco_assets.lake import Lake

DAY = date(2026, 3, 31)
STORES = {"store_id": "INTEGER key", "city": "VARCHAR", "manager": "VARCHAR personal"}
SALES = {
    "sale_id": "INTEGER key",
    "store_id": "INTEGER",
    "sold_on": "DATE",
    "product": "VARCHAR",
    "price": "DOUBLE",
    "customer": "VARCHAR personal",
}
SHAPES = {"stores": STORES, "sales": SALES, "receipts": {"sale_id": "INTEGER key", "paid": "DOUBLE"}}


def custom(rule: str, limit: dict[str, Any], severity: str = "warning", **settings: Any) -> dict[str, Any]:
    """A quality entry of our own engine."""
    return {"type": "custom", "engine": "eco", "severity": severity, "implementation": {"rule": rule, **settings}, **limit}


def unique(*columns: str, severity: str = "warning") -> dict[str, Any]:
    """The entry of values that may not occur twice."""
    return {"type": "library", "metric": "duplicateValues", "arguments": {"properties": list(columns)}, "mustBe": 0, "severity": severity}


class Contracts:
    """Contract files of the bakery under a folder."""

    def __init__(self, root: Path, **contracts: dict[str, Any]) -> None:
        self.root = root
        for name, columns in SHAPES.items():
            self._write_contract(name, columns, contracts.get(name, {}))

    def contract(self, name: str) -> Contract:
        return read_contract(self.root / "contracts" / "padaria" / f"{name}.odcs.yaml")

    def _write_contract(self, name: str, columns: dict[str, str], more: dict[str, Any]) -> None:
        properties = []
        for column, kind in columns.items():
            entry: dict[str, Any] = {"name": column, "physicalType": kind.split()[0], "classification": "internal", "description": column}
            entry |= {"required": True, "primaryKey": True, "primaryKeyPosition": 1} if "key" in kind else {}
            entry |= {"tags": ["personal_data"]} if "personal" in kind else {}
            properties.append(entry | more.get("columns", {}).get(column, {}))
        settings = {"clock": "live", "cadence": "daily", "onInvalidRow": "quarantine_row", "maxInvalidRows": 0.2, **more.get("custom", {})}
        schema: dict[str, Any] = {"name": name, "properties": properties, "quality": more.get("quality", [])}
        if more.get("relationships"):
            schema["relationships"] = more["relationships"]
        document = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": f"urn:eco:contract:padaria:{name}",
            "version": "1.0.0",
            "status": "active",
            "domain": "padaria",
            "description": {"purpose": f"The {name} of a bakery."},
            "team": {"name": "team:padaria"},
            "servers": [{"server": "files", "type": "local", "path": f"padaria/{name}*.csv", "format": "csv"}],
            "customProperties": [{"property": key, "value": value} for key, value in settings.items()],
            "schema": [schema],
            "slaProperties": more.get("sla", []),
        }
        path = self.root / "contracts" / "padaria" / f"{name}.odcs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


class Shelf(Contracts):
    """Tables in memory, where a rule is judged without a lake: rules are functions over a connection."""

    def __init__(self, root: Path, **contracts: dict[str, Any]) -> None:
        super().__init__(root, **contracts)
        self.db = duckdb.connect()
        self.db.execute("ATTACH ':memory:' AS raw; USE raw; CREATE SCHEMA padaria")
        create_tables(self.db)
        self._loads = 0

    def deliver(self, name: str, rows: Sequence[Sequence[object]], file: str = "") -> None:
        """Load a file, in the place of what was loaded under its name."""
        columns, table = SHAPES[name], f"padaria.{name}"
        shape = ", ".join(f"{column} {kind.split()[0]}" for column, kind in columns.items())
        marks = "_eco_file VARCHAR, _eco_row BIGINT, _eco_batch VARCHAR, _eco_loaded_at TIMESTAMP"
        self.db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({shape}, {marks})")
        self._loads += 1
        path, batch = f"padaria/{file or name}.csv", f"batch{self._loads}"
        self.db.execute(f"DELETE FROM {table} WHERE _eco_file = ?", [path])
        values = [tuple(row) for row in rows]
        arrived = pa.table({column: [row[place] for row in values] for place, column in enumerate(columns)})
        self.db.register("arrived", arrived)
        marked = f"*, '{path}', row_number() OVER (), '{batch}', now()::TIMESTAMP"
        self.db.execute(f"INSERT INTO {table} SELECT {marked} FROM arrived")
        record_load(self.db, Batch(batch, table, path, "f", "1.0.0", "loaded", len(values), 0, (), "2026-01-01"))

    def finding(self, name: str, kind: str, day: date = DAY) -> Finding:
        """The one finding of a kind about a table; profiles are kept as an examination does."""
        (found,) = [each for each in self.findings(name, day=day) if each.rule.kind == kind]
        return found

    def findings(self, name: str, day: date = DAY) -> list[Finding]:
        found, _ = judge(self.db, [self.contract(name)], day)
        store(self.db, found.profiles)
        return found.findings


class Bakery(Contracts):
    """Data files, contracts and a lake under one folder."""

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.root / "lake", wait_s=30)

    @cached_property
    def landing(self) -> Landing:
        return Landing(self.lake, self.root / "data", self.root / "inbox")

    @property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.lake, self.landing, [self.contract(name) for name in SHAPES])

    def path(self, name: str, file: str = "") -> Path:
        return self.root / "data" / "padaria" / f"{file or name}.csv"

    def deliver(self, name: str, rows: Iterable[Sequence[object]], file: str = "") -> Landed:
        """Write a file of rows and ingest the table."""
        path = self.path(name, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [",".join(SHAPES[name]), *(",".join("" if value is None else str(value) for value in row) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.ingest(name)

    def ingest(self, name: str) -> Landed:
        landed = self.landing.land(self.contract(name))
        load(self.lake, self.landing, [landed])
        return self.landing.refreshed(landed)

    def examine(self, *names: str, day: date = DAY) -> list[Finding]:
        return examine(self.lake, [self.contract(name) for name in names], day)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.lake.raw() as db:
            return db.execute(sql).fetchall()


def sales(count: int = 20, *, start: int = 1, days: int = 20, price: float = 5.0, per_day: int = 1) -> list[list[object]]:
    """Sales of one store: `per_day` a day up to `DAY`, with prices and products that repeat."""
    products = ("pão", "bolo", "café", "torta")
    rows: list[list[object]] = []
    for number in range(count):
        day = DAY - timedelta(days=(number // per_day) % days)
        rows.append([start + number, 1 + number % 3, day, products[number % 4], price + number % 7, f"Cliente {number}"])
    return rows


STORE_ROWS: list[list[object]] = [[1, "Lapa", "Ana Souza"], [2, "Sé", "Rui Lima"], [3, "Mooca", "Eva Reis"]]
