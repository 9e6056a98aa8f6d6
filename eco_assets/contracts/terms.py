"""The whole of a contract as two versions of it are compared: what `Contract` holds, and what only the ODCS document says.

Add a field when a change of it must ask for a version. What a difference means is `changes.py`'s.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from eco_assets.contracts.contract import Column, Contract, read_contract
from eco_assets.errors import ContractError

# What a quality rule is told apart by is everything but its threshold, its severity and its words.
_THRESHOLDS = (
    *("mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween"),
    *("mustNotBe", "mustNotBeBetween"),
)
_WORDS = ("id", "name", "description", "dimension", "businessImpact", "tags", "schedule", "scheduler", "authoritativeDefinitions")
Bound = tuple[float, int]  # a limit, and 1 or -1 when the limit itself is outside


@dataclass(frozen=True)
class Rule:
    """A quality rule. `low` and `high` enclose what passes; `shape` is what cannot be compared as an interval."""

    identity: str
    low: Bound
    high: Bound
    shape: str
    is_blocking: bool


@dataclass(frozen=True)
class ServiceLevel:
    """One promise about the service: `latency` of 4 `h`."""

    name: str
    value: str
    unit: str


@dataclass(frozen=True)
class Terms:
    """A contract and its document, as a dictionary without what is unset."""

    contract: Contract
    document: Mapping[str, Any]

    @property
    def table(self) -> str:
        """`domain.entity`."""
        return self.contract.table

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns by their name in the lake."""
        return {column.name: column for column in self.contract.columns}

    @cached_property
    def properties(self) -> dict[str, dict[str, Any]]:
        """The document's entry of each column."""
        return {str(entry["name"]): entry for entry in self.schema.get("properties", [])}

    @property
    def schema(self) -> dict[str, Any]:
        """The document's one schema object."""
        return dict(self.document["schema"][0])

    @property
    def server(self) -> dict[str, Any]:
        """The document's first server."""
        return dict(self.document["servers"][0])

    @cached_property
    def custom(self) -> dict[str, Any]:
        """`customProperties` of the contract."""
        return _custom(self.document)

    def said(self, column: str, name: str) -> str:
        """A custom property of a column, as `unit` or `timeZone`; empty when nothing is said."""
        return str(_custom(self.properties[column]).get(name) or "")

    def time_zone(self, column: str) -> str:
        """The zone that a column's times are in, by `timeZone` or ODCS's `defaultTimezone`; empty when nothing is said."""
        return self.said(column, "timeZone") or str((self.properties[column].get("logicalTypeOptions") or {}).get("defaultTimezone") or "")

    def is_deprecated(self, column: str) -> bool:
        """Whether consumers were told that the column will go."""
        return bool(self.properties[column].get("deprecated"))

    def rules(self, column: str | None = None) -> dict[str, Rule]:
        """The quality rules of a column, or of the table, and its references to other tables."""
        entry = self.schema if column is None else self.properties[column]
        references = [_reference(each) for each in entry.get("relationships") or []]
        return {rule.identity: rule for rule in map(_rule, [*(entry.get("quality") or []), *references])}

    def service_levels(self) -> dict[str, ServiceLevel]:
        """The promises about the service by their name and element."""
        return {level.name: level for level in _service_levels(self.document)}


def read_terms(path: Path) -> Terms:
    """The terms of one contract file.

    Raises:
        ContractError: the file is malformed; names it and what is wrong.
    """
    return _read(path, path.read_bytes())


@lru_cache(maxsize=256)  # a release never changes, and reading one takes a tenth of a second
def _read(path: Path, content: bytes) -> Terms:
    import yaml
    from open_data_contract_standard.model import OpenDataContractStandard

    contract = read_contract(path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = OpenDataContractStandard.model_validate(yaml.load(content, loader)).model_dump(by_alias=True, exclude_none=True)  # noqa: S506 -- a safe loader
    names = [column.name for column in contract.columns]
    if len(set(names)) < len(names):
        raise ContractError(f"{path.name}: two columns share a name; a name stands for one column")
    return Terms(contract, document)


def _custom(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {str(item["property"]): item.get("value") for item in entry.get("customProperties") or []}


def _reference(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A reference as a rule; as in `aurion/quality/rules.py` it allows no row without its other, and only warns, when nothing is said."""
    said = {"mustBe": 0, **_custom(entry)} if not set(_custom(entry)) & set(_THRESHOLDS) else _custom(entry)
    return {"severity": "warning", **{name: value for name, value in entry.items() if name != "customProperties"}, **said}


def _rule(entry: Mapping[str, Any]) -> Rule:
    identity = {name: value for name, value in entry.items() if name not in (*_THRESHOLDS, *_WORDS, "severity", "customProperties")}
    arguments = {name: value for name, value in (identity.get("arguments") or {}).items() if name != "validValues"}
    identity = {**identity, "arguments": arguments, "validValues": None}
    low, high, shape = _interval(entry)
    return Rule(json.dumps(identity, sort_keys=True, default=str), low, high, shape, str(entry.get("severity", "error")) == "error")


def _interval(entry: Mapping[str, Any]) -> tuple[Bound, Bound, str]:
    low, high, rest = (-math.inf, 0), (math.inf, 0), {}
    for name in _THRESHOLDS:
        if (value := entry.get(name)) is None:
            continue
        if name == "mustBe" and isinstance(value, int | float):
            low, high = (float(value), 0), (float(value), 0)
        elif name == "mustBeBetween":
            low, high = (float(value[0]), 0), (float(value[1]), 0)
        elif name.startswith("mustBeGreater"):
            low = (float(value), 1 if name.endswith("Than") else 0)
        elif name.startswith("mustBeLess"):
            high = (float(value), -1 if name.endswith("Than") else 0)
        else:
            rest[name] = value
    return low, high, json.dumps(rest, sort_keys=True, default=str)


def _service_levels(document: Mapping[str, Any]) -> Iterator[ServiceLevel]:
    for entry in document.get("slaProperties") or []:
        element = f" of {entry['element']}" if entry.get("element") else ""
        yield ServiceLevel(f"{entry['property']}{element}", str(entry.get("value", "")), str(entry.get("unit", "")))
