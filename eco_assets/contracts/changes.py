"""Compares two versions of a contract: every difference in meaning, and the version that the differences ask for.

Pure: no file, no clock, no lineage. What a difference weighs is a line of `rules.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eco_assets.contracts.contract import Column
from eco_assets.contracts.rules import RULES, Level
from eco_assets.contracts.terms import Rule, ServiceLevel, Terms
from eco_assets.errors import ContractError

CLASSIFICATIONS = ("public", "internal", "confidential", "restricted")
_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
_WHOLE_DIGITS = {"INTEGER": 10, "BIGINT": 19}
_SMALLER_IS_BETTER = ("latency", "frequency", "errorRate", "timeToDetect", "timeToNotify", "timeToRepair")
_LARGER_IS_BETTER = ("availability", "throughput", "retention")
_SETTINGS = ("clock", "cadence", "onInvalidRow", "maxInvalidRows", "delimiter", "encoding", "nullStrings", "loadMode", "compatibility")


@dataclass(frozen=True)
class Change:
    """One difference. `column` is empty for the table's own; `old` and `new` are in words."""

    rule: str
    column: str
    old: str
    new: str

    @property
    def level(self) -> Level:
        """The version that it asks for."""
        return RULES[self.rule].level

    @property
    def hurts_consumers(self) -> bool:
        """Whether what reads the table may fail or go wrong."""
        return RULES[self.rule].hurts in ("consumers", "both")

    def __str__(self) -> str:
        """The sentence that people read."""
        where = f"column {self.column}: " if self.column else ""
        values = f" ({self.old or 'nothing'} → {self.new or 'nothing'})" if self.old or self.new else ""
        return f"{where}{RULES[self.rule].what}{values}"


def changes(old: Terms, new: Terms) -> list[Change]:
    """Every difference in meaning between two versions of one contract, the gravest first; a layout of the YAML is no difference.

    Raises:
        ContractError: they are contracts of different tables.
    """
    if old.table != new.table:
        raise ContractError(f"{old.table} and {new.table} are different tables: a table that is called otherwise is a new contract")
    found = [*_columns(old, new), *_table(old, new)]
    if not found and _words(old) != _words(new):
        found = [Change("words_changed", "", "", "")]
    return sorted(found, key=lambda change: -change.level)


def required_bump(found: Iterable[Change]) -> Level:
    """The gravest level of the changes."""
    return max((change.level for change in found), default=Level.NONE)


def is_widened(old: str, new: str) -> bool:
    """Whether every value of SQL type `old` is one of `new` and of the same kind: whole stays whole, exact stays exact."""
    if (old, new) == ("INTEGER", "BIGINT"):
        return True
    wide = _DECIMAL.fullmatch(new)
    if not wide:
        return False
    precision, scale = int(wide[1]), int(wide[2])
    if old in _WHOLE_DIGITS:
        return scale == 0 and precision >= _WHOLE_DIGITS[old]
    narrow = _DECIMAL.fullmatch(old)
    return bool(narrow) and scale == int(narrow[2] if narrow else 0) and precision >= int(narrow[1] if narrow else 0)


def renamed(old: Terms, new: Terms) -> dict[str, str]:
    """Old name → new name of columns that are the same: the same column of the file, or one that the compatibility mapping names."""
    gone = [name for name in old.columns if name not in new.columns]
    fresh = {name: column for name, column in new.columns.items() if name not in old.columns}
    by_file = {column.physical_name: name for name, column in fresh.items()}
    mapped = {
        str(name): str(target)
        for entry in new.custom.get("compatibility") or []
        if isinstance(entry, dict) and str(entry.get("version")) == old.contract.version.split(".")[0]
        for name, target in (entry.get("columns") or {}).items()
    }
    found = {
        name: mapped.get(name, "") if mapped.get(name, "") in fresh else by_file.get(old.columns[name].physical_name, "") for name in gone
    }
    return {name: target for name, target in found.items() if target}


def _columns(old: Terms, new: Terms) -> Iterator[Change]:
    same = renamed(old, new)
    for name in old.columns:
        target = same.get(name, name)
        if target not in new.columns:
            yield Change("column_removed", name, old.columns[name].sql_type, "")
            continue
        if target != name:
            yield Change("column_renamed", name, name, target)
        yield from _column(old, old.columns[name], new, new.columns[target])
    for name in new.columns:
        if name not in old.columns and name not in same.values():
            column = new.columns[name]
            is_needed = column.is_required or name in new.contract.key
            yield Change("required_column_added" if is_needed else "column_added", name, "", column.sql_type)
    keys = tuple(same.get(name, name) for name in old.contract.key), new.contract.key
    if keys[0] != keys[1]:
        yield Change("key_changed", "", "+".join(old.contract.key), "+".join(new.contract.key))


def _column(old_terms: Terms, old: Column, new_terms: Terms, new: Column) -> Iterator[Change]:
    name = old.name
    if _normal(old.sql_type) != _normal(new.sql_type):
        yield Change("type_widened" if is_widened(old.sql_type, new.sql_type) else "type_changed", name, old.sql_type, new.sql_type)
    if old.physical_name != new.physical_name:
        yield Change("file_column_renamed", name, old.physical_name, new.physical_name)
    yield from _flag(name, old.is_required, new.is_required, "became_required", "became_optional", ("optional", "required"))
    yield from _flag(name, old.is_unique, new.is_unique, "became_unique", "no_longer_unique", ("may repeat", "unique"))
    yield from _bound(name, "minimum", old.minimum, new.minimum, is_lower=True)
    yield from _bound(name, "maximum", old.maximum, new.maximum, is_lower=False)
    if old.pattern != new.pattern:
        yield Change("pattern_tightened" if new.pattern else "pattern_dropped", name, old.pattern or "", new.pattern or "")
    yield from _values(name, old.valid_values, new.valid_values)
    if old.date_format != new.date_format:
        yield Change("format_changed", name, old.date_format or "ISO 8601", new.date_format or "ISO 8601")
    meanings = (
        ("unit_changed", old_terms.said(name, "unit"), new_terms.said(new.name, "unit")),
        ("time_zone_changed", old_terms.time_zone(name), new_terms.time_zone(new.name)),
    )
    for rule, before, after in meanings:
        if before != after:
            yield Change(rule if before else "meaning_stated", name, before, after)
    yield from _protection(name, old, new)
    if old_terms.is_deprecated(name) != new_terms.is_deprecated(new.name):
        yield Change("column_deprecated", name, "", "deprecated" if new_terms.is_deprecated(new.name) else "kept")
    yield from _rules(name, old_terms.rules(name), new_terms.rules(new.name))


def _flag(name: str, old: bool, new: bool, on: str, off: str, words: tuple[str, str]) -> Iterator[Change]:
    if old != new:
        yield Change(on if new else off, name, words[old], words[new])


def _bound(name: str, what: str, old: float | None, new: float | None, *, is_lower: bool) -> Iterator[Change]:
    if old == new:
        return
    is_tighter = new is not None and (old is None or (new > old if is_lower else new < old))
    shown = [f"{what} {value}" if value is not None else "" for value in (old, new)]
    yield Change("bound_tightened" if is_tighter else "bound_loosened", name, shown[0], shown[1])


def _values(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    gone, more = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    if new and (gone or not old):
        yield Change("values_narrowed", name, ", ".join(gone) or "any", ", ".join(more) or "fewer")
    elif old and (more or not new):
        yield Change("values_widened", name, "", ", ".join(more) or "any")


def _protection(name: str, old: Column, new: Column) -> Iterator[Change]:
    if old.classification != new.classification:
        is_higher = _rank(new.classification) > _rank(old.classification)
        yield Change(f"classification_{'raised' if is_higher else 'lowered'}", name, old.classification, new.classification)
    if old.is_personal != new.is_personal:
        yield Change(f"personal_data_{'declared' if new.is_personal else 'withdrawn'}", name, "", "")


def _rank(classification: str) -> int:
    if classification not in CLASSIFICATIONS:
        raise ContractError(f"classification {classification!r} is not one of {', '.join(CLASSIFICATIONS)}")
    return CLASSIFICATIONS.index(classification)


def _rules(name: str, old: dict[str, Rule], new: dict[str, Rule]) -> Iterator[Change]:
    for identity in sorted({*old, *new}):
        before, after = old.get(identity), new.get(identity)
        if before is None and after is not None:
            yield Change("rule_added" if after.is_blocking else "warning_changed", name, "", identity)
        elif after is None:
            yield Change("rule_dropped", name, identity, "")
        elif before is not None and before != after:
            yield Change(_rule_change(before, after), name, identity, "")


def _rule_change(old: Rule, new: Rule) -> str:
    if old.is_blocking and not new.is_blocking:
        return "rule_dropped"
    is_laxer = new.shape == old.shape and new.low <= old.low and new.high >= old.high
    if is_laxer and old.is_blocking == new.is_blocking:
        return "rule_loosened"
    return "rule_tightened" if new.is_blocking else "warning_changed"


def _table(old: Terms, new: Terms) -> Iterator[Change]:
    a, b = old.contract, new.contract
    yield from _rules("", old.rules(), new.rules())
    rows = ("quarantine_batch", "quarantine_row")
    if a.keeps_good_rows != b.keeps_good_rows:
        yield Change(
            f"row_handling_{'loosened' if b.keeps_good_rows else 'tightened'}", "", rows[a.keeps_good_rows], rows[b.keeps_good_rows]
        )
    elif a.max_invalid_share != b.max_invalid_share:
        is_laxer = b.max_invalid_share > a.max_invalid_share
        yield Change(f"row_handling_{'loosened' if is_laxer else 'tightened'}", "", f"{a.max_invalid_share:g}", f"{b.max_invalid_share:g}")
    layouts = tuple(
        f"{t.server.get('type')} {t.contract.glob} {t.contract.file_format} {t.contract.delimiter} {t.contract.encoding}"
        for t in (old, new)
    )
    if layouts[0] != layouts[1]:
        yield Change("layout_changed", "", *layouts)
    for rule, setting, default in (("null_strings_changed", "nullStrings", [""]), ("load_mode_changed", "loadMode", "replace_file")):
        before, after = (terms.custom.get(setting) or default for terms in (old, new))
        if before != after:
            yield Change(rule, "", str(before), str(after))
    if a.clock != b.clock:
        yield Change("clock_changed", "", a.clock, b.clock)
    if a.cadence != b.cadence:
        yield Change("served_more_often" if b.cadence == "daily" else "served_less_often", "", a.cadence, b.cadence)
    yield from _service(old.service_levels(), new.service_levels())
    before, after = str(old.document.get("status", "")), str(new.document.get("status", ""))
    if before != after:
        yield Change("retired" if after == "retired" else "status_changed", "", before, after)
    for name in sorted({*old.custom, *new.custom} - set(_SETTINGS)):
        if old.custom.get(name) != new.custom.get(name):
            yield Change("setting_changed", "", f"{name} {old.custom.get(name)}", f"{name} {new.custom.get(name)}")


def _service(old: dict[str, ServiceLevel], new: dict[str, ServiceLevel]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before != after:
            is_better = before is None or (after is not None and _is_better(before, after))
            words = tuple(f"{level.name} {level.value} {level.unit}".strip() if level else "" for level in (before, after))
            yield Change("served_more_often" if is_better else "served_less_often", "", *words)


def _is_better(old: ServiceLevel, new: ServiceLevel) -> bool:
    """Whether the figure moved the good way; figures in different units, and of unknown properties, are not comparable."""
    name = old.name.split(" ")[0]
    if old.unit != new.unit or name not in (*_SMALLER_IS_BETTER, *_LARGER_IS_BETTER):
        return False
    try:
        before, after = float(old.value), float(new.value)
    except ValueError:
        return False
    return after < before if name in _SMALLER_IS_BETTER else after > before


def _normal(sql_type: str) -> str:
    return sql_type.replace(" ", "")


def _words(terms: Terms) -> dict[str, object]:
    return {name: value for name, value in terms.document.items() if name != "version"}
