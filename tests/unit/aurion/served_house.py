"""A house whose sources were loaded once: what a test of bad input starts from."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from eco_assets.aurion.landing import Landed
from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.platform import Platform
from eco_assets.settings import Settings

SERVED = (
    "comercial.leads",
    "varejo.order_items",
    "varejo.order_reviews",
    "industrial.pump_telemetry",
    "financeiro.payments",
    "financeiro.clients",
)


class House:
    """Data files, home and platform under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = Settings(home=root / "home", data=root / "data", lake_wait_s=30)

    @cached_property
    def platform(self) -> Platform:
        return Platform(self.settings)

    def contract(self, table: str) -> Contract:
        return next(contract for contract in load_contracts() if contract.table == table)

    def file(self, table: str) -> Path:
        """The first file of a source."""
        return min((self.root / "data").glob(self.contract(table).glob))

    def lines(self, table: str) -> list[str]:
        """The first file's lines, header first; only for sources without line breaks inside a value."""
        return self.file(table).read_text(encoding="utf-8").splitlines()

    def write(self, table: str, lines: list[str]) -> None:
        self.file(table).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def edit(self, table: str, row: int, column: str, value: str) -> None:
        """Put `value` into one cell of the first file; `row` is a 1-based data row."""
        contract, lines = self.contract(table), self.lines(table)
        place = lines[0].split(contract.delimiter).index(column)
        cells = lines[row].split(contract.delimiter)
        cells[place] = value
        self.write(table, [*lines[:row], contract.delimiter.join(cells), *lines[row + 1 :]])

    def ingest(self, table: str) -> Landed:
        contract = self.contract(table)
        return self.platform.ingest(contract.domain, [contract])[0]

    def served(self, table: str) -> list[tuple[Any, ...]]:
        """Every row of the raw table, load marks included."""
        with self.platform.lake.raw() as db:
            return db.execute(f"SELECT * FROM {table} ORDER BY _eco_file, _eco_row").fetchall()

    def query(self, sql: str) -> Any:
        with self.platform.lake.raw() as db:
            return db.execute(sql).fetchone()

    def quarantined_rows(self, table: str) -> list[dict[str, Any]]:
        """Rows kept aside with their reasons, of every batch."""
        import duckdb

        folder = self.settings.lake / "quarantine" / table.replace(".", "/")
        files = [str(path) for path in folder.glob("*.parquet") if "-" not in path.name]
        with duckdb.connect() as db:
            frame = db.execute("SELECT * FROM read_parquet($files, union_by_name=true) ORDER BY _eco_row", {"files": files}).df()
        return frame.to_dict("records")

    def copies(self, table: str) -> list[Path]:
        """Files kept whole in quarantine."""
        return sorted(
            path
            for path in (self.settings.lake / "quarantine" / table.replace(".", "/")).glob("*")
            if path.suffix != ".parquet" or "-" in path.name
        )
