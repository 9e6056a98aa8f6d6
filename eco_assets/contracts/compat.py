"""Compatibility views: after a major change a view `<table>_v<N>` gives old consumers the old names and types until a date.

The new contract declares them under `customProperties`:

    - property: compatibility
      value:
        - version: 1
          until: 2027-03-31
          columns: {old_name: new_name, price_brl: price_cents / 100.0, gone: "NULL"}

A column that is the same, was widened, or keeps its column of the file under another name needs no mapping. One that is gone, or of another
kind or meaning, does: nothing is made up for it, and `NULL` is said, not implied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from eco_assets.contracts.changes import changes, renamed
from eco_assets.contracts.check import quoted
from eco_assets.contracts.contract import Contract
from eco_assets.contracts.terms import Terms, read_terms
from eco_assets.contracts.versions import History, version_of
from eco_assets.errors import ContractError

if TYPE_CHECKING:
    import duckdb

ORIGIN = ("_eco_file", "_eco_row", "_eco_batch", "_eco_loaded_at")
_MUST_BE_SAID = ("column_removed", "type_changed", "unit_changed", "time_zone_changed", "became_optional")


@dataclass(frozen=True)
class Compatibility:
    """One old major version that is still served: until when (that day included), and what its columns are made from."""

    version: int
    until: date
    columns: dict[str, str]


@dataclass(frozen=True)
class Promise:
    """An old major version that must be served; `until` is None where no date was promised yet."""

    version: int
    until: date | None


@dataclass(frozen=True)
class OldView:
    """A view as old consumers see it: `columns` are (name, SQL type, SQL over the new table)."""

    name: str
    entry: Compatibility
    terms: Terms
    columns: tuple[tuple[str, str, str], ...]


def entries(terms: Terms) -> tuple[Compatibility, ...]:
    """What a contract declares about old versions.

    Raises:
        ContractError: an entry is malformed.
    """
    return tuple(_entry(terms, value) for value in terms.custom.get("compatibility") or [])


def _entry(terms: Terms, value: object) -> Compatibility:
    try:
        if not isinstance(value, dict) or set(value) - {"version", "until", "columns"}:
            raise ValueError(value)  # noqa: TRY301 -- named like the rest below
        columns = {str(name): "NULL" if text is None else str(text) for name, text in (value.get("columns") or {}).items()}
        return Compatibility(int(value["version"]), date.fromisoformat(str(value["until"])[:10]), columns)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{terms.table}: a compatibility entry is {{version: 1, until: 2027-03-31, columns: {{old: new}}}}, not {value!r}"
        ) from error


def needed(old: Terms, new: Terms, today: date) -> Iterator[Promise]:
    """Old versions that `new` must serve: those that `old` promised until a day to come, and `old` itself after a break for consumers."""
    for entry in entries(old):
        if entry.until >= today:
            yield Promise(entry.version, entry.until)
    major = version_of(old.contract.version).major
    if version_of(new.contract.version).major > major and any(change.hurts_consumers for change in changes(old, new)):
        yield Promise(major, None)


def faults_of(entry: Compatibility, old: Terms, new: Terms) -> list[str]:
    """What is wrong with an entry, in words; nothing when its view gives every column that `old` had."""
    unsaid = _must_be_said(old, new) - set(entry.columns)
    faults = [f"compatibility {entry.version}: say what column {name} is now, or NULL" for name in old.columns if name in unsaid]
    faults += [
        f"compatibility {entry.version}: version {entry.version} has no column {name}" for name in entry.columns if name not in old.columns
    ]
    return faults + [fault for name, text in entry.columns.items() if (fault := _expression_fault(entry, name, text, new))]


def _must_be_said(old: Terms, new: Terms) -> set[str]:
    return {change.column for change in changes(old, new) if change.rule in _MUST_BE_SAID}


def _expression_fault(entry: Compatibility, name: str, text: str, new: Terms) -> str:
    import sqlglot
    from sqlglot import exp

    where = f"compatibility {entry.version}, column {name}: "
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except sqlglot.errors.ParseError as error:
        return f"{where}{text!r} is no SQL expression ({str(error).splitlines()[0]})"
    if not isinstance(tree, exp.Condition | exp.Null) or tree.find(exp.Query, exp.AggFunc, exp.Window, exp.Star):
        return f"{where}{text!r} must be made of one row's columns: no query, aggregate, window or star"
    unknown = sorted({column.name for column in tree.find_all(exp.Column)} - set(new.columns))
    return f"{where}{', '.join(unknown)} is no column of {new.contract.version}" if unknown else ""


def old_views(contract: Contract, history: History | None = None) -> list[OldView]:
    """The views that a contract declares, whatever the day: one is dropped when its entry is, not by a clock.

    Raises:
        ContractError: an entry is malformed or incomplete; `eco contracts check` says the same before a release.
    """
    new, known = read_terms(contract.path), history or History()
    found = []
    for entry in entries(new):
        release = known.newest(contract.table, entry.version)
        if release is None:
            raise ContractError(f"{contract.table}: version {entry.version} under compatibility was never released")
        old = release.terms
        if faults := faults_of(entry, old, new):
            raise ContractError(f"{contract.table}: {'; '.join(faults)}")
        found.append(OldView(f"{contract.table}_v{entry.version}", entry, old, tuple(_columns(entry, old, new))))
    return found


def _columns(entry: Compatibility, old: Terms, new: Terms) -> Iterator[tuple[str, str, str]]:
    same = renamed(old, new)
    for name, column in old.columns.items():
        target = same.get(name, name)
        text = entry.columns.get(name, quoted(target))
        is_as_it_was = name not in entry.columns and new.columns[target].sql_type == column.sql_type
        # A value that the old type cannot hold fails the query: cut or turned to NULL it would be a wrong answer that nobody sees.
        yield name, column.sql_type, text if is_as_it_was else f"CAST({text} AS {column.sql_type})"


def compat_views(contract: Contract, history: History | None = None) -> list[tuple[str, str]]:
    """(`domain.table_vN`, statement that makes it) of every old version that a contract declares; for the raw catalogue."""
    return [(view.name, _statement(view, contract)) for view in old_views(contract, history)]


def _statement(view: OldView, contract: Contract) -> str:
    columns = [f"{text} AS {quoted(name)}" for name, _, text in view.columns]
    relation = f"{quoted(contract.domain)}.{quoted(contract.entity)}"
    target = ".".join(quoted(part) for part in view.name.split("."))
    return f"CREATE OR REPLACE VIEW {target} AS SELECT {', '.join([*columns, *ORIGIN])} FROM {relation}"


def refresh_views(db: duckdb.DuckDBPyConnection, contract: Contract, history: History | None = None) -> list[str]:
    """Make the declared views of a table that is loaded, and drop those declared no more; returns the names of the views.

    Args:
        db: a connection that may write, whose default database is the raw catalogue.
        contract: the table's.
        history: releases; those of the repository by default.
    """
    known = history or History()
    if len({release.version.major for release in known.releases(contract.table)}) < 2:
        return []  # no version is old yet, so there never was a view
    views = compat_views(contract, known)
    names = [name.split(".")[1] for name, _ in views]
    for _, statement in views:
        db.execute(statement)
    query = """SELECT table_name FROM information_schema.tables
               WHERE table_type = 'VIEW' AND table_schema = $schema AND table_catalog = current_catalog()"""
    for (name,) in db.execute(query, {"schema": contract.domain}).fetchall():
        if re.fullmatch(re.escape(contract.entity) + r"_v\d+", name) and name not in names:
            db.execute(f"DROP VIEW {quoted(contract.domain)}.{quoted(name)}")
    return [f"{contract.domain}.{name}" for name in names]
