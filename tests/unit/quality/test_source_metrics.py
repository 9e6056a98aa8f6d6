"""Figures of each source, and the two forms that machines read them in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import TWIN_DAY
from quality_house import DAY, Bakery, sales
from typer.testing import CliRunner

from eco_assets.aurion.metrics import SourceFigures, figures, prometheus
from eco_assets.aurion.quality.findings import Finding
from eco_assets.platform import Platform

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+)\} (-?[0-9.]+)')
SLA = [{"property": "latency", "value": 1, "unit": "d", "element": "sales.sold_on"}]


def of(bakery: Bakery, name: str, day: date = DAY) -> SourceFigures:
    quarantine = bakery.quarantine
    found = {each.table: each for each in figures(bakery.lake, quarantine.contracts, quarantine.held(), day)}
    return found[f"padaria.{name}"]


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of a text exposition; every line must be one, or a comment that announces one."""
    announced: set[str] = set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("counter", "gauge")
            assert name not in announced
            assert kind == "gauge" or name.endswith("_total")
            announced.add(name)
        elif not line.startswith("# HELP "):
            found = SAMPLE.fullmatch(line)
            assert found, line
            assert found[1] in announced
            labels = dict(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', found[2]))
            yield found[1], labels, float(found[3])


def test_a_source_that_was_never_loaded_has_figures_too(tmp_path: Path) -> None:
    found = of(Bakery(tmp_path), "sales")

    assert (found.source, found.loads, found.rows_served, found.last_load_age_s, found.lag_days) == ("files", 0, 0, None, None)


def test_rows_bytes_and_loads_add_up_and_what_is_served_does_not(tmp_path: Path) -> None:
    bakery = Bakery(tmp_path, sales={"sla": SLA})
    for count in (10, 12):
        bakery.deliver("sales", sales(count))

    found = of(bakery, "sales", DAY + timedelta(days=2))

    assert (found.loads, found.rows_total, found.rows_served, found.lag_days) == (2, 22, 12, 2)
    assert found.bytes_total == sum(batch.bytes for batch in bakery.landing.batches.list("padaria.sales")) > 0
    assert found.last_load_age_s is not None
    assert 0 <= found.last_load_age_s < 300


def test_errors_and_changes_of_shape_are_counted(tmp_path: Path) -> None:
    bakery = Bakery(tmp_path)
    rows = sales(10)
    rows[2][4] = "five"
    bakery.deliver("sales", rows)
    bakery.deliver("stores", [])
    path = bakery.path("sales", "sales_b")
    path.write_text("sale_id,store_id,sold_on,product,price,customer,note\n99,1,2026-03-31,pão,5,A,x\n", encoding="utf-8")
    bakery.ingest("sales")

    assert (of(bakery, "sales").quarantined_rows, of(bakery, "sales").schema_changes) == (1, 1)
    assert of(bakery, "stores").quarantined_batches == 1


def test_the_exposition_is_well_formed_and_says_what_the_figures_say(twin_served: Platform, twin_findings: list[Finding]) -> None:
    from eco_assets.aurion.metrics import aurion_metrics

    found = aurion_metrics(twin_served, TWIN_DAY)
    read = {(name, labels["table"]): value for name, labels, value in samples(prometheus(found))}

    orders = next(each for each in found if each.table == "varejo.orders")
    assert read["eco_source_rows_total", "varejo.orders"] == orders.rows_total == orders.rows_served > 2000
    assert read["eco_source_lag_days", "varejo.orders"] == 0
    assert ("eco_source_lag_days", "financeiro.loans") not in read
    assert {table for name, table in read if name == "eco_source_rows"} == {each.table for each in found}


def test_labels_are_escaped() -> None:
    odd = SourceFigures('a"b\\c\nd', "x.y", 1, 2, 3, 4, 5, 6, 7, 0.5, 1, "1.0.0")
    broken = [{"table": "x.y", "check": "volume", "severity": "error", "is_ok": False}]

    found = list(samples(prometheus([odd], broken)))

    assert {labels.get("source") for name, labels, _ in found if name != "eco_quality_broken_rules"} == {'a\\"b\\\\c\\nd'}
    assert ("eco_quality_broken_rules", {"table": "x.y", "check": "volume", "severity": "error"}, 1.0) in found


def test_the_lake_has_the_figures_as_a_view(twin_served: Platform, twin_findings: list[Finding]) -> None:
    query = "SELECT rows_total, loads, contract_version FROM raw.aurion.metrics WHERE tbl = 'industrial.pump_telemetry'"
    with twin_served.lake.raw() as db:
        counted = db.execute("SELECT count(*) FROM industrial.pump_telemetry").fetchone()
        found = db.execute(query).fetchone()

    assert counted is not None
    assert found == (counted[0], 10, "1.1.0")


@pytest.mark.usefixtures("twin_findings")
def test_the_commands_print_them(twin_served: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    from eco_assets.commands.quality import app

    monkeypatch.setenv("ECO_HOME", str(twin_served.settings.home))
    monkeypatch.setenv("ECO_DATA", str(twin_served.settings.data))
    run = CliRunner().invoke

    metrics = json.loads(run(app, ["metrics", "--json"]).output)
    assert {each["table"] for each in metrics} >= {"varejo.orders", "financeiro.loans"}
    text = run(app, ["metrics", "--prometheus"]).output
    assert sum(name == "eco_quality_broken_rules" for name, _, _ in samples(text)) > 50
    checked = run(app, ["check", "--table", "varejo.orders"])
    assert checked.exit_code == 0
    assert "72" in checked.output or "not in varejo.order_items" in checked.output
    assert run(app, ["check", "--table", "no.such"]).exit_code == 1
    assert "no_items" in run(app, ["payments"]).output
    assert {each["table"] for each in json.loads(run(app, ["rules", "--json"]).output)} >= {"varejo.orders"}
