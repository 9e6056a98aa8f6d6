"""Collects what is known of every dataset, as plain values: contract, lineage, loads, a masked sample. How a page looks is `pages.py`'s.

Nothing here depends on the moment of collecting: the same data gives the same values, so that the same page is not written twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.batches import Batch, Batches
from eco_assets.aurion.connections import connections
from eco_assets.catalog.rules import RuleFact, rule_facts
from eco_assets.catalog.samples import UNANNOUNCED, Protection, Protections, Sample, sample
from eco_assets.catalog.tables import reading, relation, types_of, value
from eco_assets.contracts.changes import CLASSIFICATIONS
from eco_assets.contracts.check import quoted
from eco_assets.contracts.compat import ORIGIN, entries
from eco_assets.contracts.contract import Column, Contract, load_contracts
from eco_assets.contracts.explain import column_rules
from eco_assets.contracts.terms import Terms, read_terms
from eco_assets.contracts.versions import History
from eco_assets.lineage.columns import ROWS, Output
from eco_assets.lineage.compiled import compile_project
from eco_assets.lineage.graph import Lineage
from eco_assets.lineage.project import PROJECT, load_lineage, project_lineage

if TYPE_CHECKING:
    from eco_assets.platform import Platform

LAYERS = ("raw", "staging", "features", "marts", "predictions")
LOADS_SHOWN = 5


@dataclass(frozen=True)
class ColumnFact:
    """A column: what it promises, how protected it is, and what it is made of (`how` as in `lineage.columns.HOW`)."""

    name: str
    type: str
    description: str
    protection: Protection
    rules: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    how: str = ""


@dataclass(frozen=True)
class Reader:
    """Who reads a dataset itself; `kind` as in `lineage.graph`."""

    kind: str
    name: str


@dataclass(frozen=True)
class Load:
    """One batch; `status` as in `aurion.batches.Batch`, `reason` the first one for what was set aside."""

    at: str
    origin: str
    status: str
    rows: int
    bytes: int
    rejected: int
    changes: tuple[str, ...]
    reason: str
    lag_s: float | None


@dataclass(frozen=True)
class Promise:
    """What a contract says of a raw table."""

    version: str
    status: str
    cadence: str
    source: str
    key: tuple[str, ...]
    rules: tuple[RuleFact, ...]
    service_levels: tuple[str, ...]
    old_versions: tuple[str, ...]
    releases: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """One table. `name` is `raw.domain.entity` or `schema.table`; `through` is its newest load or business day, `rows` of that day."""

    name: str
    layer: str
    domain: str
    title: str
    description: str
    owner: str
    columns: tuple[ColumnFact, ...]
    upstream: tuple[str, ...]
    readers: tuple[Reader, ...]
    further_readers: int
    promise: Promise | None = None
    expectations: tuple[tuple[str, str], ...] = ()
    is_built: bool = False
    rows: int | None = None
    through: str = ""
    loads: tuple[Load, ...] = ()
    sample: Sample = field(default_factory=Sample)

    @property
    def classification(self) -> str:
        """The strictest class of its columns."""
        return max((column.protection.classification for column in self.columns), key=CLASSIFICATIONS.index, default="internal")

    @property
    def has_personal_data(self) -> bool:
        """Whether a column is personal, or made of one that is."""
        return any(column.protection.is_personal for column in self.columns)


def collect(platform: Platform) -> list[Dataset]:
    """Every dataset that is promised or built, by layer and name."""
    contracts = [*load_contracts(), *_connected(platform)]
    lineage = load_lineage() if len(contracts) == len(load_contracts()) else project_lineage(contracts)
    protections = Protections(contracts, lineage)
    found = [_raw(platform, read_terms(contract.path), lineage, protections) for contract in contracts]
    found += [_derived(platform, name, said, lineage, protections) for name, said in _descriptions().items() if name in lineage.nodes]
    return sorted(found, key=lambda dataset: (LAYERS.index(dataset.layer), dataset.name))


def _connected(platform: Platform) -> list[Contract]:
    """The contracts of streams that connections read; they lie outside of the project."""
    found = connections(platform.settings.connections_root)
    return [contract for connection in found for _, contract in connection.contracts()]


def _raw(platform: Platform, terms: Terms, lineage: Lineage, protections: Protections) -> Dataset:
    contract, name = terms.contract, f"raw.{terms.table}"
    words = {column.name: _words(terms, column) for column in contract.columns}
    batches = Batches(platform.lake.root / "batches.db").list(contract.table)
    with reading(platform.lake, "raw") as db:
        types = types_of(db, name)
        names = [*words, *(column for column in types if column not in words and column not in ORIGIN)]
        columns = [_column(name, column, types, lineage, protections, words.get(column)) for column in names]
        present = {column.name: column.protection for column in columns if column.name in types}
        rows = value(db, f"SELECT count(*) FROM {relation(name)}") if db and types else None
        rules = rule_facts(db, contract)
        shown = sample(db, relation(name), present, ORIGIN[:2]) if db and types else Sample()
    return Dataset(
        **_common(name, "raw", contract.domain, contract.entity, contract.description, contract.owner, lineage),
        columns=tuple(columns),
        promise=_promise(terms, rules),
        is_built=bool(types),
        rows=rows if isinstance(rows, int) else None,
        through=max((batch.at[:19] for batch in batches if batch.status == "loaded"), default=""),
        loads=tuple(_load(platform, contract, batch) for batch in _newest(batches)),
        sample=shown,
    )


def _derived(platform: Platform, name: str, said: tuple[str, dict[str, str]], lineage: Lineage, protections: Protections) -> Dataset:
    from eco_assets.aurion.expectations import SUITES

    layer, table = name.split(".")
    description, documented = said
    with reading(platform.lake, "eco") as db:
        types = types_of(db, name)
        listed = [column for column in lineage.node(name).columns if column != ROWS]
        names = [*listed, *(column for column in types if column not in listed)]
        columns = [_column(name, column, types, lineage, protections, {"description": documented.get(column, "")}) for column in names]
        present = {column.name: column.protection for column in columns if column.name in types}
        day = str(value(db, f"SELECT max(as_of) FROM {relation(name)}") or "") if db and "as_of" in types else ""
        where = f"as_of = DATE '{day}'" if day else ""
        counts = db and types and layer != "staging"  # a view of the whole history: counting it would compute it
        rows = value(db, f"SELECT count(*) FROM {relation(name)} {f'WHERE {where}' if where else ''}") if db and counts else None
        order = [column for column, each in present.items() if each.is_shown]
        shown = sample(db, relation(name), present, order, where) if db and types else Sample()
    domain, title = _domain_of(table)
    return Dataset(
        **_common(name, layer, domain, title, description, f"team:{domain}", lineage),
        columns=tuple(columns),
        expectations=tuple((each.kind, _arguments(each.arguments)) for each in SUITES.get(table, ())),
        is_built=bool(types),
        rows=rows if isinstance(rows, int) else None,
        through=day,
        sample=shown,
    )


def _common(name: str, layer: str, domain: str, title: str, description: str, owner: str, lineage: Lineage) -> dict[str, Any]:
    readers = lineage.consumers(name)
    direct = [Reader(reader.kind, reader.name) for reader in readers if reader.is_direct]
    return {
        "name": name,
        "layer": layer,
        "domain": domain,
        "title": title,
        "description": description,
        "owner": owner,
        "upstream": tuple(sorted(lineage.node(name).tables)),
        "readers": tuple(direct),
        "further_readers": len(readers) - len(direct),
    }


def _column(
    table: str, name: str, types: dict[str, str], lineage: Lineage, protections: Protections, words: dict[str, Any] | None
) -> ColumnFact:
    known = words or {}
    is_listed = name in lineage.node(table).columns or ROWS in lineage.node(table).columns
    output = lineage.node(table).output(name) if is_listed else Output()
    return ColumnFact(
        name=name,
        type=types.get(name) or str(known.get("type", "")),
        description=str(known.get("description", "")),
        protection=UNANNOUNCED if words is None else protections.of(table, name),
        rules=tuple(known.get("rules", ())),
        sources=tuple(sorted(str(ref) for ref in output.sources)),
        how=output.how if is_listed else "",
    )


def _words(terms: Terms, column: Column) -> dict[str, Any]:
    return {"type": column.sql_type, "description": column.description, "rules": column_rules(terms, column)}


def _promise(terms: Terms, rules: tuple[RuleFact, ...]) -> Promise:
    contract = terms.contract
    return Promise(
        version=contract.version,
        status=str(terms.document.get("status", "")),
        cadence=contract.cadence,
        source=contract.glob or contract.server,
        key=contract.key,
        rules=rules,
        service_levels=tuple(f"{level.name} {level.value} {level.unit}".strip() for level in terms.service_levels().values()),
        old_versions=tuple(f"{contract.table}_v{entry.version} ({entry.until.isoformat()})" for entry in entries(terms)),
        releases=tuple(str(release.version) for release in reversed(History().releases(contract.table))),
    )


def _newest(batches: list[Batch]) -> list[Batch]:
    return sorted(batches, key=lambda batch: (batch.at, batch.file), reverse=True)[:LOADS_SHOWN]


def _load(platform: Platform, contract: Contract, batch: Batch) -> Load:
    reason = batch.reasons[0] if batch.reasons else ""
    lag = _lag(platform, contract, batch) if batch.status == "loaded" else None
    return Load(batch.at[:19], batch.file, batch.status, batch.rows, batch.bytes, batch.rejected, batch.changes, reason, lag)


def _lag(platform: Platform, contract: Contract, batch: Batch) -> float | None:
    """Seconds from the newest event of a batch to its arrival; None for sources that do not say when their rows happened."""
    if contract.event_time is None:
        return None
    table, newest = relation(f"raw.{contract.table}"), f"TIMESTAMP '{batch.at}' - max({quoted(contract.event_time)})"
    with reading(platform.lake, "raw") as db:
        found = value(db, f"SELECT epoch({newest}) FROM {table} WHERE _eco_batch = $id", {"id": batch.batch_id}) if db else None
    return float(found) if isinstance(found, int | float) else None


def _arguments(arguments: dict[str, Any]) -> str:
    """The arguments of an expectation, as `score, 1, 5`."""
    values = [value if isinstance(value, list) else [value] for value in arguments.values() if value is not None]
    return ", ".join(str(each) for value in values for each in value)


def _descriptions() -> dict[str, tuple[str, dict[str, str]]]:
    """Description of each derived table and of its columns, from dbt's YAML and from the model families."""
    from ml.families import FAMILIES

    models = {model.relation: (model.description, model.documented) for model in compile_project(PROJECT)}
    return {**models, **{f"predictions.{family.table}": (family.description, {}) for family in FAMILIES.values()}}


def _domain_of(table: str) -> tuple[str, str]:
    """`mart_varejo__replenishment` is (varejo, replenishment), `varejo_demand` is (varejo, demand)."""
    if "__" in table:
        prefix, title = table.split("__", 1)
        return prefix.split("_", 1)[1], title
    domain, title = table.split("_", 1)
    return domain, title
