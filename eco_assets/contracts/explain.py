"""A contract as plain values for people: columns with their rules in words, history, service levels, old versions, consumers.

The console and the catalogue print what is collected here; nothing is decided here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from eco_assets.contracts.changes import Change, changes, required_bump
from eco_assets.contracts.compat import entries
from eco_assets.contracts.contract import Column, Contract
from eco_assets.contracts.terms import Terms, read_terms
from eco_assets.contracts.versions import History

if TYPE_CHECKING:
    from eco_assets.lineage.graph import Consumer, Lineage


def explain(contract: Contract, history: History, lineage: Lineage) -> dict[str, Any]:
    """Everything that a contract promises, to whom, and how it came to be."""
    from eco_assets.aurion.quality.rules import rules_of

    terms = read_terms(contract.path)
    return {
        "table": contract.table,
        "version": contract.version,
        "status": terms.document.get("status", ""),
        "owner": contract.owner,
        "description": contract.description,
        "source": contract.glob or contract.server,
        "cadence": contract.cadence,
        "key": list(contract.key),
        "columns": [column_words(terms, column) for column in contract.columns],
        "rules": [
            f"{rule.words}{' (warns)' if rule.severity != 'error' else ''}" for rule in rules_of(contract) if rule.check != "freshness"
        ],
        "service_levels": [f"{level.name} {level.value} {level.unit}".strip() for level in terms.service_levels().values()],
        "deprecated_columns": [name for name in terms.columns if terms.is_deprecated(name)],
        "old_versions": [{"view": f"{contract.table}_v{entry.version}", "until": entry.until.isoformat()} for entry in entries(terms)],
        "history": history_words(contract, history),
        "consumers": [consumer_words(consumer) for consumer in lineage.consumers(f"raw.{contract.table}")],
    }


def column_words(terms: Terms, column: Column) -> dict[str, Any]:
    """One column: its type and what must hold of it, in words."""
    return {
        "name": column.name,
        "type": column.sql_type,
        "rules": [f"{words} {value}".strip() for words, value in column_rules(terms, column)],
        "classification": column.classification,
        "is_personal": column.is_personal,
        "description": column.description,
    }


def column_rules(terms: Terms, column: Column) -> list[tuple[str, str]]:
    """What must hold of a column, as (words, value): `at least`, `1`."""
    found = [
        ("required", "") if column.is_required else None,
        ("unique", "") if column.is_unique else None,
        ("at least", f"{column.minimum:g}") if column.minimum is not None else None,
        ("at most", f"{column.maximum:g}") if column.maximum is not None else None,
        ("like", column.pattern) if column.pattern else None,
        ("one of", ", ".join(column.valid_values)) if column.valid_values else None,
        ("written", column.date_format) if column.date_format else None,
        ("in", terms.said(column.name, "unit")) if terms.said(column.name, "unit") else None,
        ("times in", terms.time_zone(column.name)) if terms.time_zone(column.name) else None,
        ("deprecated", "") if terms.is_deprecated(column.name) else None,
    ]
    return [each for each in found if each is not None]


def history_words(contract: Contract, history: History) -> list[dict[str, Any]]:
    """The releases of a table, newest first, each with what it changed."""
    found: list[dict[str, Any]] = []
    releases = history.releases(contract.table)
    for before, after in pairwise(releases):
        made = changes(before.terms, after.terms)
        found.append(
            {"version": str(after.version), "level": required_bump(made).name.lower(), "changes": [str(change) for change in made]}
        )
    first = [{"version": str(releases[0].version), "level": "first", "changes": []}] if releases else []
    return [*reversed(found), *first]


def consumer_words(consumer: Consumer) -> dict[str, Any]:
    """A reader: what it is, and which columns it names itself."""
    return {"name": consumer.name, "kind": consumer.kind, "is_direct": consumer.is_direct, "columns": list(consumer.columns)}


def hurt(contract: Contract, found: list[Change], lineage: Lineage) -> dict[str, list[str]]:
    """Who reads the columns that changes hurt or widen, by column; the table itself is the empty name."""
    named: dict[str, list[str]] = {}
    for change in found:
        if change.hurts_consumers or change.rule in ("values_widened", "bound_loosened", "pattern_dropped", "type_widened"):
            readers = lineage.consumers(f"raw.{contract.table}", change.column or None)
            named[change.column] = [f"{consumer.kind} {consumer.name}" for consumer in readers if consumer.is_direct]
    return named
