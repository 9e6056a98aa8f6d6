"""Great Expectations suites, one a mart: what must hold of the rows that decisions are made on.

Types are dbt's contracts' to hold, not these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Expect:
    """One expectation by its Great Expectations class name and arguments. A `warning` does not block."""

    kind: str
    arguments: dict[str, Any]
    severity: str = "critical"


@dataclass(frozen=True)
class Validation:
    """The result of a suite. `failed` names expectations that block, `warned` those that do not."""

    evaluated: int
    failed: tuple[str, ...]
    warned: tuple[str, ...]


def _between(column: str, low: float, high: float | None = None, severity: str = "critical", **more: Any) -> Expect:
    return Expect("ExpectColumnValuesToBeBetween", {"column": column, "min_value": low, "max_value": high, **more}, severity)


def _unique(*columns: str) -> Expect:
    if len(columns) == 1:
        return Expect("ExpectColumnValuesToBeUnique", {"column": columns[0]})
    return Expect("ExpectCompoundColumnsToBeUnique", {"column_list": list(columns)})


def _rows(low: int, severity: str = "critical") -> Expect:
    return Expect("ExpectTableRowCountToBeBetween", {"min_value": low}, severity)


SUITES: dict[str, tuple[Expect, ...]] = {
    "mart_comercial__lead_next_action": (
        _rows(1),
        _unique("mql_id"),
        _between("age_days", 0, 13),
        _between("origin_rate", 0, 1),
        _between("landing_page_rate", 0, 1),
        _between("landing_page_leads", 0),
    ),
    "mart_varejo__replenishment": (
        _rows(1),
        _unique("category"),
        _between("units_28d", 1),
        _between("price_mean_brl", 0.01, 20_000),
        _between("late_share_90d", 0, 1),
        _between("late_share_90d", 0, 0.5, "warning", mostly=0.9),
    ),
    "mart_varejo__review_recovery": (
        _unique("review_id", "order_id"),
        _between("score", 1, 5),
        _between("days_late", 0, 365),
        _between("order_value_brl", 0),
    ),
    "mart_industrial__alarm_response": (
        _rows(1),
        _unique("machine_id"),
        _between("windows_24h", 1),
        _between("hours_since_reading", 0, 24),
        _between("temperature_last", -50, 250, "warning"),
    ),
    "mart_agencia__campaign_targeting": (
        _rows(1),
        _unique("audience_id"),
        _between("customers", 1),
        _between("base_rate", 0, 1),
        _between("cpc_ratio", 0.2, 5, "warning"),
    ),
}


def validate(mart: str, rows: pd.DataFrame) -> Validation:
    """Run a mart's suite on one day's rows."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = context.data_sources.add_pandas("lake").add_dataframe_asset(mart).add_batch_definition_whole_dataframe("day")
    suite = gx.ExpectationSuite(name=mart)
    for number, expect in enumerate(SUITES[mart]):
        suite.add_expectation(getattr(gx.expectations, expect.kind)(**expect.arguments, meta={"number": number}))
    results = (
        gx.ValidationDefinition(name=mart, data=batch, suite=context.suites.add(suite)).run(batch_parameters={"dataframe": rows}).results
    )
    broken = [(SUITES[mart][result.expectation_config.meta["number"]], result) for result in results if not result.success]
    return Validation(
        evaluated=len(results),
        failed=tuple(_words(expect, result) for expect, result in broken if expect.severity == "critical"),
        warned=tuple(_words(expect, result) for expect, result in broken if expect.severity == "warning"),
    )


def _words(expect: Expect, result: Any) -> str:
    found = result.result.get("unexpected_count", result.result.get("observed_value", "no value"))
    arguments = ", ".join(f"{name}={value}" for name, value in expect.arguments.items())
    return f"{expect.kind}({arguments}): {found} found"
