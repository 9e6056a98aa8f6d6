"""Compiles the `quality`, `relationships` and `slaProperties` of a contract into rules over the served tables.

Each rule belongs to one check, a name that people see beside the table. A rule that cannot be compiled is refused here, by name: nothing
in a contract is silently left unchecked. What a rule finds is `examine.py`'s and the modules beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from eco_assets.contracts.contract import Contract, load_contracts, read_contract
from eco_assets.errors import ContractError

CHECKS = ("uniqueness", "references", "freshness", "volume", "distribution", "reconciliation", "validity")
SEVERITIES = ("error", "warning")
ENGINE = "eco"  # the `engine` of custom rules that are ours
_OPERATORS = ("mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween")
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
_MARKS = ("_eco_file", "_eco_row", "_eco_batch")


@dataclass(frozen=True)
class Limit:
    """What a figure must be. `is_open` leaves the bound itself out; `unit` is `rows`, `percent`, `days` or empty."""

    low: float = -math.inf
    high: float = math.inf
    is_low_open: bool = False
    is_high_open: bool = False
    unit: str = ""

    def holds(self, value: float) -> bool:
        """Whether a figure is as it must be."""
        above = value > self.low if self.is_low_open else value >= self.low
        return above and (value < self.high if self.is_high_open else value <= self.high)

    def __str__(self) -> str:
        """In words, as `at most 0.5 percent`."""
        if self.low == self.high:
            words = f"{self.low:g}"
        else:
            low = f"{'more than' if self.is_low_open else 'at least'} {self.low:g}" if self.low > -math.inf else ""
            high = f"{'less than' if self.is_high_open else 'at most'} {self.high:g}" if self.high < math.inf else ""
            words = " and ".join(part for part in (low, high) if part)
        return f"{words} {self.unit}".strip()


@dataclass(frozen=True)
class Rule:
    """One rule of one table.

    `kind` says how it is judged: `duplicates`, `orphans`, `latency`, `frequency`, `row_count`, `rows_per_load`, `rows_per_day`,
    `distribution`, `sums`, `nulls` or `query`. `columns` are what it is about; `target` is the other table and its columns.
    """

    check: str
    kind: str
    table: str
    columns: tuple[str, ...]
    limit: Limit
    severity: str
    description: str
    target: str = ""
    target_columns: tuple[str, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    def setting(self, name: str, default: Any = None) -> Any:
        """A setting of a custom rule."""
        return dict(self.settings).get(name, default)

    @property
    def words(self) -> str:
        """What it asks, for people."""
        on = f" ({', '.join(self.columns)})" if self.columns else ""
        other = f" in {self.target}" if self.target else ""
        return f"{self.kind.replace('_', ' ')}{on}{other}: {self.limit}"


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """The rules of a contract, in the order of `CHECKS`.

    Raises:
        ContractError: a rule is of a kind that is not known, or names a column or a contract that does not exist.
    """
    return _rules(contract, contract.path.read_text(encoding="utf-8"))


@lru_cache(maxsize=512)
def _rules(contract: Contract, text: str) -> tuple[Rule, ...]:
    try:
        found = list(_compiled(contract, text))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractError(f"{contract.path.name}: a quality rule is malformed ({type(error).__name__}: {error})") from error
    for rule in found:
        unknown = set(rule.columns) - {column.name for column in contract.columns} - set(_MARKS)
        if unknown:
            raise ContractError(f"{contract.path.name}: rule {rule.kind} names {', '.join(sorted(unknown))}, which is no column")
        if rule.severity not in SEVERITIES:
            raise ContractError(f"{contract.path.name}: severity {rule.severity!r} must be one of {', '.join(SEVERITIES)}")
        if rule.severity == "error" and rule.target and rule.target.split(".")[0] != contract.domain:
            raise ContractError(f"{contract.path.name}: {rule.words} depends on another domain, so it can only warn")
    return tuple(sorted(found, key=lambda rule: CHECKS.index(rule.check)))


def checks_of(contract: Contract) -> dict[str, tuple[Rule, ...]]:
    """The rules by check, only checks that have any."""
    rules = rules_of(contract)
    return {check: found for check in CHECKS if (found := tuple(rule for rule in rules if rule.check == check))}


def _compiled(contract: Contract, text: str) -> Iterator[Rule]:
    document = _document(text)
    schema = document["schema"][0]
    for entry in schema.get("quality") or ():
        yield _table_rule(contract, entry)
    for column in schema["properties"]:
        for entry in column.get("quality") or ():
            if entry.get("metric") != "invalidValues":  # every row is held against those when it lands
                yield _column_rule(contract, str(column["name"]), entry)
        for entry in column.get("relationships") or ():
            yield _reference(contract, entry, (str(column["name"]),))
    for entry in schema.get("relationships") or ():
        yield _reference(contract, entry, tuple(_names(entry["from"], contract.entity)))
    for entry in document.get("slaProperties") or ():
        if entry["property"] in ("latency", "frequency"):
            yield _service(contract, entry)


def _table_rule(contract: Contract, entry: Mapping[str, Any]) -> Rule:
    metric = entry.get("metric")
    if metric == "duplicateValues":
        return _rule("uniqueness", "duplicates", contract, entry, tuple(entry["arguments"]["properties"]), unit="rows")
    if metric == "rowCount":
        return _rule("volume", "row_count", contract, entry, unit="rows")
    if entry.get("type") == "sql":
        return _rule("validity", "query", contract, entry, settings={"query": entry["query"]})
    if entry.get("type") == "custom" and entry.get("engine") == ENGINE:
        return _custom(contract, entry, dict(entry["implementation"]))
    raise ContractError(f"{contract.path.name}: no rule is made of {metric or entry.get('type')!r} for a table")


def _column_rule(contract: Contract, column: str, entry: Mapping[str, Any]) -> Rule:
    metric = entry.get("metric")
    if metric == "duplicateValues":
        return _rule("uniqueness", "duplicates", contract, entry, (column,), unit="rows")
    if metric == "nullValues":
        return _rule("validity", "nulls", contract, entry, (column,), unit="rows")
    if entry.get("type") == "sql":
        return _rule("validity", "query", contract, entry, (column,), settings={"query": entry["query"]})
    raise ContractError(f"{contract.path.name}: column {column}: no rule is made of {metric or entry.get('type')!r}")


def _custom(contract: Contract, entry: Mapping[str, Any], settings: dict[str, Any]) -> Rule:
    what = settings.pop("rule", None)
    if what == "volume":
        column = settings.pop("by", None)
        kind = "rows_per_day" if column else "rows_per_load"
        return _rule("volume", kind, contract, entry, (column,) if column else (), settings=settings)
    if what == "distribution":
        return _rule("distribution", "distribution", contract, entry, settings=settings)
    if what == "reconciliation":
        target, key = _contract_at(contract, str(settings.pop("with"))), tuple(settings.pop("key"))
        return _rule("reconciliation", "sums", contract, entry, key, target=target.table, target_columns=key, settings=settings)
    raise ContractError(f"{contract.path.name}: {what!r} is not one of our rules: volume, distribution, reconciliation")


def _reference(contract: Contract, entry: Mapping[str, Any], columns: tuple[str, ...]) -> Rule:
    said = {item["property"]: item["value"] for item in entry.get("customProperties") or ()}
    target, names = _target(contract, [entry["to"]] if isinstance(entry["to"], str) else list(entry["to"]))
    if len(names) != len(columns):
        raise ContractError(f"{contract.path.name}: {', '.join(columns)} cannot refer to {len(names)} column(s) of {target}")
    bounds = said if any(name in said for name in _OPERATORS) else {**said, "mustBe": 0}
    return _rule("references", "orphans", contract, bounds, columns, unit="rows", target=target, target_columns=names)


def _service(contract: Contract, entry: Mapping[str, Any]) -> Rule:
    unit = str(entry.get("unit", "d"))
    if unit not in _DAYS:
        raise ContractError(f"{contract.path.name}: {entry['property']} in {unit!r}; the units are {', '.join(_DAYS)}")
    columns = tuple(_names(entry["element"], contract.entity)) if entry["property"] == "latency" else ()
    bounds = {
        "mustBeLessOrEqualTo": float(entry["value"]) * _DAYS[unit],
        "severity": "warning",
        "description": entry.get("description", ""),
    }
    return _rule("freshness", str(entry["property"]), contract, bounds, columns, unit="days")


def _rule(
    check: str,
    kind: str,
    contract: Contract,
    entry: Mapping[str, Any],
    columns: tuple[str, ...] = (),
    *,
    unit: str = "",
    target: str = "",
    target_columns: tuple[str, ...] = (),
    settings: Mapping[str, Any] | None = None,
) -> Rule:
    # ODCS leaves out what severity an entry without one has; `contracts/terms.py` takes it for an error, so do we. References only warn.
    severity = str(entry.get("severity", "warning" if kind == "orphans" else "error"))
    frozen = tuple(sorted((settings or {}).items()))
    words = str(entry.get("description") or "")
    return Rule(
        check, kind, contract.table, columns, _limit(contract, entry, unit), severity, words, target, target_columns, settings=frozen
    )


def _limit(contract: Contract, entry: Mapping[str, Any], unit: str) -> Limit:
    given = [name for name in _OPERATORS if entry.get(name) is not None]
    if len(given) != 1:
        raise ContractError(f"{contract.path.name}: a rule needs one of {', '.join(_OPERATORS)}")
    (name,), value, said = given, entry[given[0]], str(entry.get("unit") or unit)
    if name == "mustBe":
        return Limit(float(value), float(value), unit=said)
    if name == "mustBeBetween":
        return Limit(float(value[0]), float(value[1]), unit=said)
    if name.startswith("mustBeGreater"):
        return Limit(low=float(value), is_low_open=name.endswith("Than"), unit=said)
    return Limit(high=float(value), is_high_open=name.endswith("Than"), unit=said)


def _target(contract: Contract, references: list[str]) -> tuple[str, tuple[str, ...]]:
    """The table and columns that `orders.odcs.yaml#orders.order_id` names; the file is relative to the contract's."""
    files = {reference.partition("#")[0] for reference in references}
    if len(files) != 1:
        raise ContractError(f"{contract.path.name}: {', '.join(references)} are in different contracts")
    other = _contract_at(contract, files.pop())
    names = tuple(name for reference in references for name in _names(reference.partition("#")[2], other.entity))
    if set(names) - {column.name for column in other.columns}:
        raise ContractError(f"{contract.path.name}: {', '.join(references)} names no column of {other.table}")
    return other.table, names


def _contract_at(contract: Contract, file: str) -> Contract:
    path = (contract.path.parent / file).resolve()
    if not path.is_file():
        raise ContractError(f"{contract.path.name}: {file} is no contract file beside it")
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, _changed_at: int) -> Contract:
    known = {contract.path: contract for contract in load_contracts()}  # parsed already, as most that is referred to
    return known.get(path) or read_contract(path)


def _names(references: str | list[str], entity: str) -> Iterator[str]:
    """Column names of `orders.order_id` or `order_id`."""
    for reference in [references] if isinstance(references, str) else references:
        yield str(reference).removeprefix(f"{entity}.")


def _document(text: str) -> dict[str, Any]:
    import yaml

    # The C reader takes 2 ms a contract; building the standard's model of all 23 again takes half a second, at every start of Dagster.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(text, Loader=loader))  # noqa: S506 -- both are safe loaders
