"""Great Expectations suites, one a mart: what must hold of the rows that decisions are made on.

Types are dbt's contracts' to hold, not these.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


ROWS_SHOWN = 5


@dataclass(frozen=True)
class Expect:
    """One expectation by its Great Expectations class name and arguments. A `warning` does not block."""

    kind: str
    arguments: dict[str, Any]
    severity: str = "critical"


@dataclass(frozen=True)
class Validation:
    """The result of a suite. `failed` names expectations that block, `warned` those that do not; `sample` has rows, masked."""

    evaluated: int
    failed: tuple[str, ...]
    warned: tuple[str, ...]
    sample: tuple[dict[str, str], ...] = ()


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
    "mart_comercial__proposal_and_discount": (
        _unique("mql_id"),
        _between("age_days", 5, 13),
        _between("origin_rate", 0, 1),
        _between("small_share", 0, 1),
        _between("big_share", 0, 1),
        _between("later_share", 0, 1),
    ),
    "mart_comercial__account_rescue": (
        _unique("seller_id"),
        _between("orders_28d", 0),
        _between("orders_expected", 0),
        _between("activity_ratio", 0.01, 50),
        _between("revenue_gap_brl", 0),
        _between("days_since_sale", 0, 111),
        _between("activity_ratio", 0.2, 3, "warning", mostly=0.9),
    ),
    "mart_varejo__delivery_recovery": (
        _unique("order_id"),
        _between("days_to_promise", -14, 180),
        _between("days_late", 0, 14),
        _between("days_since_purchase", 0, 89),
        _between("order_value_brl", 0),
        _between("open_late_rate", 0, 1),
        _between("late_rate_120d", 0, 0.3, "warning"),
    ),
    "mart_varejo__seller_watch": (
        _unique("seller_id"),
        _between("orders_90d", 5),
        _between("late_rate_90d", 0, 1),
        _between("bad_rate_90d", 0, 1),
        _between("canceled_rate_90d", 0, 1),
        _between("late_rate_90d", 0, 0.5, "warning", mostly=0.95),
    ),
    "mart_industrial__maintenance_planning": (
        _unique("machine_id"),
        _between("windows_7d", 1),
        _between("hours_since_reading", 0, 168),
        _between("odd_share_7d", 0, 1),
        _between("odd_trend", -1, 1),
        _between("vibration_sigma", 0),
    ),
    "mart_industrial__sensor_trust": (
        _unique("sensor_id"),
        _between("windows_24h", 1),
        _between("missing_share", 0, 1),
        _between("stuck_share", 0, 1),
        _between("implausible_share", 0, 1),
        _between("noise_ratio", 0),
        _between("others_drifting", 0, 7),
    ),
    "mart_agencia__media_anomaly_response": (
        _unique("exchange_id"),
        _between("hours_24h", 1, 24),
        _between("cpc_24h", 0),
        _between("cpc_usual", 0),
        _between("cpc_ratio", 0.2, 5, "warning"),
    ),
    "mart_agencia__budget_reallocation": (
        _rows(1),
        _unique("audience_id"),
        _between("channel_share", 0, 1),
        _between("customers", 1),
        _between("base_rate", 0, 1),
    ),
}


def validate(mart: str, rows: pd.DataFrame, *, hidden: Collection[str] = (), docs: Path | None = None) -> Validation:
    """Run a mart's suite on one day's rows.

    Args:
        mart: name of the dbt model.
        rows: its rows.
        hidden: protected columns; their texts become pseudonyms first, their numbers are judged but not shown.
        docs: folder for Great Expectations' own pages of this suite and result, made anew; `index.html` is the first.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    shown, secret = _shown(rows, hidden)
    is_secret = any(secret & {expect.arguments.get("column"), *expect.arguments.get("column_list", ())} for expect in SUITES[mart])
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = context.data_sources.add_pandas("lake").add_dataframe_asset(mart).add_batch_definition_whole_dataframe("day")
    suite = gx.ExpectationSuite(name=mart)
    for number, expect in enumerate(SUITES[mart]):
        expectation = getattr(gx.expectations, expect.kind)(**expect.arguments, severity=expect.severity, meta={"number": number})
        suite.add_expectation(expectation)
    definition = gx.ValidationDefinition(name=mart, data=batch, suite=context.suites.add(suite))
    definition = context.validation_definitions.add(definition)
    form = {"result_format": "BOOLEAN_ONLY" if is_secret else "SUMMARY"}
    checkpoint = gx.Checkpoint(name=mart, validation_definitions=[definition], result_format=form)
    (run,) = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": shown}).run_results.values()
    if docs is not None:
        _write_docs(context, docs)
    broken = [(SUITES[mart][result.expectation_config.meta["number"]], result) for result in run.results if not result.success]
    return Validation(
        evaluated=len(run.results),
        failed=tuple(_words(expect, result) for expect, result in broken if expect.severity == "critical"),
        warned=tuple(_words(expect, result) for expect, result in broken if expect.severity == "warning"),
        sample=_sample(shown.drop(columns=list(secret)), [result for _, result in broken]),
    )


def _shown(rows: pd.DataFrame, hidden: Collection[str]) -> tuple[pd.DataFrame, set[str]]:
    """The rows with protected texts as pseudonyms, as unique as before, and the protected columns that are no texts."""
    shown, secret = rows.reset_index(drop=True), set()
    for name in set(hidden) & set(shown.columns):
        values = shown[name]
        is_text = values.map(lambda value: value is None or isinstance(value, str)).all()
        if is_text:
            shown[name] = values.map(lambda value: f"•••{hashlib.sha256(value.encode()).hexdigest()[:8]}", na_action="ignore")
        else:
            secret.add(name)
    return shown, secret


def _sample(rows: pd.DataFrame, broken: Sequence[Any]) -> tuple[dict[str, str], ...]:
    """The first rows that broke anything."""
    found = [place for result in broken for place in result.result.get("partial_unexpected_index_list") or []]
    lines = rows.loc[sorted(set(found))[:ROWS_SHOWN]].to_dict("records")
    return tuple({str(name): str(value) for name, value in line.items()} for line in lines)


def _write_docs(context: Any, folder: Path) -> None:
    """Great Expectations' pages, made beside and moved into place."""
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(making)}
    index = {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False}
    context.add_data_docs_site("eco", {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index})
    context.build_data_docs(site_names=["eco"])
    shutil.rmtree(folder, ignore_errors=True)
    making.replace(folder)


def _words(expect: Expect, result: Any) -> str:
    found = result.result.get("unexpected_count", result.result.get("observed_value", "no value"))
    arguments = ", ".join(f"{name}={value}" for name, value in expect.arguments.items())
    return f"{expect.kind}({arguments}): {found} found"
