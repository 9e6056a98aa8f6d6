"""Contracts for tests: the first release of leads, which never changes, after functions of its document, in a folder."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from eco_assets.contracts.contract import Contract, read_contract
from eco_assets.contracts.terms import Terms, read_terms
from eco_assets.contracts.versions import RELEASED

Document = dict[str, Any]
Edit = Callable[[Document], None]
_LEADS: Document = yaml.safe_load((RELEASED / "comercial.leads@1.0.0.yaml").read_text(encoding="utf-8"))


def write(folder: Path, *edits: Edit) -> Path:
    """Write the contract of leads after `edits`; returns its file."""
    document = copy.deepcopy(_LEADS)
    for edit in edits:
        edit(document)
    path = folder / "comercial" / "leads.odcs.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def terms(folder: Path, *edits: Edit) -> Terms:
    """The terms of the contract after `edits`."""
    return read_terms(write(folder, *edits))


def contract(folder: Path, *edits: Edit) -> Contract:
    """The contract after `edits`."""
    return read_contract(write(folder, *edits))


def column(document: Document, name: str) -> Document:
    """A column's entry."""
    found: Document = next(entry for entry in document["schema"][0]["properties"] if entry["name"] == name)
    return found


def version(text: str) -> Edit:
    """Say another version."""

    def edit(document: Document) -> None:
        document["version"] = text

    return edit


def with_column(name: str, /, **fields: Any) -> Edit:
    """Change or add a column; a field that is None is taken out."""

    def edit(document: Document) -> None:
        entries = document["schema"][0]["properties"]
        if name not in [entry["name"] for entry in entries]:
            entries.append({"name": name, "physicalType": "VARCHAR", "classification": "internal", "description": "New."})
        entry = column(document, name)
        entry.update(fields)
        for field in [field for field, value in fields.items() if value is None]:
            del entry[field]

    return edit


def without_column(name: str) -> Edit:
    """Take a column out."""

    def edit(document: Document) -> None:
        document["schema"][0]["properties"].remove(column(document, name))

    return edit


def custom(name: str, value: Any) -> Edit:
    """Set a custom property of the contract."""

    def edit(document: Document) -> None:
        kept = [entry for entry in document["customProperties"] if entry["property"] != name]
        document["customProperties"] = [*kept, {"property": name, "value": value}]

    return edit


def compatibility(until: str = "2030-01-31", version: int = 1, **columns: str) -> Edit:
    """Declare that an old version is served."""
    return custom("compatibility", [{"version": version, "until": until, "columns": columns}])
