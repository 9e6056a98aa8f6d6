"""OpenLineage events: what they say, and that they reach a real collector, survive a dead one, and fill no disk."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from eco_assets.contracts.contract import Contract, load_contracts
from eco_assets.lineage.emitter import Emitter, emitter
from eco_assets.lineage.events import Assertion, Run, emit_load, emit_model
from eco_assets.lineage.project import load_lineage
from eco_assets.lineage.tell import tell_loads
from eco_assets.platform import Platform

START = datetime(2026, 10, 31, 5, 0, tzinfo=UTC)
RUN = Run("batch-1", START, START + timedelta(seconds=2))
LEADS = next(contract for contract in load_contracts() if contract.table == "comercial.leads")


class Collector(ThreadingHTTPServer):
    """Keeps what is posted to it; `delay_s` makes it slow, `status` makes it refuse."""

    def __init__(self, *, delay_s: float = 0.0, status: int = 201) -> None:
        self.received: list[dict[str, Any]] = []
        self.delay_s, self.status = delay_s, status
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Collector)
        time.sleep(server.delay_s)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if server.status < 300:
            server.received.append({"path": self.path, "key": self.headers.get("Authorization", ""), **body})
        self.send_response(server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The library reads, and sets, variables of its own; each test begins and ends without."""
    import os

    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("OPENLINEAGE")]:
        del os.environ[name]
    monkeypatch.chdir(tmp_path)
    emitter.cache_clear()
    yield
    emitter.cache_clear()
    os.environ.clear()
    os.environ.update(before)


def lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(root.glob("*.ndjson")) for line in path.read_text(encoding="utf-8").splitlines()]


def load(to: Emitter, contract: Contract = LEADS, run: Run = RUN, **more: Any) -> None:
    emit_load(to, contract, run, origin="comercial/leads.csv", rows=3, size_bytes=120, **more)


def test_a_load_says_what_was_loaded_from_where_and_how_it_kept_its_contract(tmp_path: Path) -> None:
    load(Emitter(tmp_path), assertions=[Assertion("a value is required", "mql_id", True), Assertion("rowCount", "", False, False)])
    start, done = lines(tmp_path)
    output, source = done["outputs"][0], done["inputs"][0]

    assert (start["eventType"], done["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == done["run"]["runId"]
    assert (done["eventTime"], done["producer"]) == ("2026-10-31T05:00:02+00:00", "urn:eco:aurion")
    assert done["job"]["name"] == "aurion.load.comercial.leads"
    assert done["job"]["facets"]["ownership"]["owners"] == [{"name": "team:comercial", "type": "MAINTAINER"}]
    assert (source["namespace"], source["name"]) == ("file", "comercial/leads.csv")
    checks = source["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(check["assertion"], check["success"], check["severity"]) for check in checks] == [
        ("a value is required", True, "error"),
        ("rowCount", False, "warn"),
    ]
    assert (output["namespace"], output["name"]) == ("ducklake://eco", "raw.comercial.leads")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert output["outputFacets"]["outputStatistics"]["size"] == 120
    assert output["facets"]["version"]["datasetVersion"] == LEADS.version
    assert [field["name"] for field in output["facets"]["schema"]["fields"]] == [column.name for column in LEADS.columns]
    assert output["facets"]["columnLineage"]["fields"]["origin"]["inputFields"][0] == {
        "namespace": "file",
        "name": "comercial/leads.csv",
        "field": "origin",
        "transformations": [{"type": "DIRECT", "subtype": "IDENTITY", "masking": False}],
    }


def test_rows_of_a_connection_come_from_a_connection_not_from_a_file(tmp_path: Path) -> None:
    load(Emitter(tmp_path), replace(LEADS, server="connection"))
    done = lines(tmp_path)[1]

    assert done["inputs"][0]["namespace"] == "connection"
    assert done["outputs"][0]["facets"]["columnLineage"]["fields"]["origin"]["inputFields"][0]["namespace"] == "connection"


def test_a_refused_load_says_why(tmp_path: Path) -> None:
    load(Emitter(tmp_path), run=Run("batch-2", START, START, "leads.csv: row 3, column mql_id: a value is required (•••)"))

    failed = lines(tmp_path)[1]
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"].startswith("leads.csv: row 3")


def test_a_model_says_what_its_columns_are_computed_from_and_what_the_table_hangs_on(tmp_path: Path) -> None:
    columns = [("region", "VARCHAR", "Region."), ("amount_czk", "DOUBLE", "")]
    about = {"columns": columns, "description": "Loans.", "owner": "team:financeiro", "rows": 77}
    emit_model(Emitter(tmp_path), load_lineage(), "marts.mart_comercial__lead_next_action", RUN, **about)  # type: ignore[arg-type]
    done = lines(tmp_path)[1]
    lineage = done["outputs"][0]["facets"]["columnLineage"]

    assert done["job"]["name"] == "dbt.marts.mart_comercial__lead_next_action"
    assert {table["name"] for table in done["inputs"]} == {"features.feat_comercial__lead_history", "staging.stg_comercial__closed_deals"}
    assert lineage["fields"]["origin_rate"]["inputFields"][0]["field"] == "origin_rate"
    assert {field["field"] for field in lineage["dataset"]} == {"mql_id", "won_at"}
    assert {each["type"] for field in lineage["dataset"] for each in field["transformations"]} == {"INDIRECT"}


def test_the_same_batch_is_the_same_run_however_often_it_is_told(tmp_path: Path) -> None:
    for _ in range(2):
        load(Emitter(tmp_path))
    load(Emitter(tmp_path), run=Run("batch-2", START, START))

    runs = [event["run"]["runId"] for event in lines(tmp_path)]
    assert len(set(runs)) == 2
    assert runs[0] == runs[3] != runs[4]


def test_events_are_of_the_clients_types_and_name_their_schemas(tmp_path: Path) -> None:
    load(Emitter(tmp_path), assertions=[Assertion("unique", "mql_id", True)])

    def facets(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "_schemaURL" in value:
                yield value
            for inner in value.values():
                yield from facets(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from facets(inner)

    for event in lines(tmp_path):
        assert event["schemaURL"].endswith("OpenLineage.json#/$defs/RunEvent")
        assert "non-serializable" not in json.dumps(event)
        assert {facet["_producer"] for facet in facets(event)} == {"urn:eco:aurion"}
        assert all(facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/") for facet in facets(event))
    assert len(list(facets(lines(tmp_path)[1]))) == 12


def test_without_configuration_events_are_lines_of_a_file_that_is_rotated(tmp_path: Path) -> None:
    to = Emitter(tmp_path / "lineage", rotate_bytes=4000)
    for number in range(6):
        load(to, run=Run(f"batch-{number}", START, START))

    assert len(lines(tmp_path / "lineage")) == to.counts["sent"] == 12
    assert len(list((tmp_path / "lineage").glob("events*.ndjson"))) > 3
    assert emitter(tmp_path / "home").file == tmp_path / "home" / "lineage" / "events.ndjson"


def test_a_collector_receives_every_event_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "sesame")
    to = emitter(tmp_path)
    for number in range(5):
        load(to, run=Run(f"batch-{number}", START, START))
    to.close(10)

    assert [event["eventType"] for event in collector.received] == ["START", "COMPLETE"] * 5
    assert {(event["path"], event["key"]) for event in collector.received} == {("/api/v1/lineage", "Bearer sesame")}
    assert to.counts == {"sent": 10}
    assert not to.file.exists()


@pytest.mark.parametrize("what", ["nobody listens", "it refuses"])
def test_a_dead_collector_fails_no_load_and_its_events_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    collector = Collector(status=400)
    url = collector.url
    if what == "nobody listens":
        collector.shutdown()
        collector.server_close()
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "sesame")
    to = emitter(tmp_path)
    for number in range(20):
        load(to, run=Run(f"batch-{number}", START, START))
    to.close(0.5)

    assert len(lines(tmp_path / "lineage")) == to.counts["kept"] == 40
    assert to.counts["lost"] == 0
    assert "sesame" not in to.file.read_text(encoding="utf-8")


def test_a_slow_collector_slows_no_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector(delay_s=1.5)
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    to = emitter(tmp_path)
    load(to)
    waited = to._waiting.qsize()  # both events wait or one is on its way: nothing was sent in the caller's time
    to.close(0.2)

    assert waited >= 1
    assert collector.received == []
    assert len(lines(tmp_path / "lineage")) == 2


def test_a_disk_that_cannot_be_written_loses_the_event_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "lineage").write_text("a file where the folder should be", encoding="utf-8")
    to = Emitter(tmp_path / "lineage")
    load(to)

    assert to.counts == {"lost": 2}


def test_only_batches_that_are_new_are_told_of(platform: Platform) -> None:
    home, leads = platform.settings.home, [LEADS]
    began = datetime.now(UTC)
    landed = platform.ingest("comercial", leads)

    assert tell_loads(home, landed, began) == 1
    assert tell_loads(home, platform.ingest("comercial", leads), datetime.now(UTC)) == 0
    done = lines(home / "lineage")[1]
    assert done["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == landed[0].batches[0].rows > 0
    assert done["outputs"][0]["outputFacets"]["outputStatistics"]["size"] > 0


def test_a_refused_file_is_told_of_as_a_failure_without_its_personal_data(platform: Platform, data_root: Path) -> None:
    file = data_root / LEADS.glob
    rows = file.read_text(encoding="utf-8").splitlines()
    rows[3] = "not-a-lead-id" + rows[3][32:]
    file.write_text("\n".join(rows), encoding="utf-8")
    began = datetime.now(UTC)

    assert tell_loads(platform.settings.home, platform.ingest("comercial", [LEADS]), began) == 1
    failed = lines(platform.settings.home / "lineage")[1]
    assert failed["eventType"] == "FAIL"
    assert "row 3, column mql_id" in failed["run"]["facets"]["errorMessage"]["message"]
    assert "not-a-lead-id" not in json.dumps(failed)
