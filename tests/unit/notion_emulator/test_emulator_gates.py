"""The emulator is kept honest: recorded traffic matches at least as often as it did, and answers pass the official schemas."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cassette_replay import CASSETTES, Replay, recordings, replay_all
from schema_gate import OPENAPI, schemas

from notion_sync.testing.routes import find_route
from notion_sync.testing.server import NotionEmulator

BASELINE = Path(__file__).with_name("replay_baseline.json")
PER_OPERATION = 6
needs_recordings = pytest.mark.skipif(not CASSETTES.exists(), reason=f"the recorded traffic is not at {CASSETTES}")
needs_schemas = pytest.mark.skipif(not OPENAPI.exists(), reason=f"the official schemas are not at {OPENAPI}")


@needs_recordings
def test_recorded_traffic_matches_at_least_as_often_as_the_baseline_says() -> None:
    baseline = json.loads(BASELINE.read_text("utf-8"))
    scores, shown = replay_all()
    fallen = {
        name: (kept, (scores[name].status, scores[name].equal) if name in scores else (0, 0), shown.get(name, [])[:3])
        for name, kept in baseline.items()
        if name not in scores or scores[name].status < kept["status"] or scores[name].equal < kept["equal"]
    }
    assert fallen == {}, "the emulator answers less like the API than before"
    assert set(scores) == set(baseline), "an operation is new: add it to replay_baseline.json"


@needs_recordings
@needs_schemas
def test_answers_to_recorded_requests_pass_the_schemas_where_the_real_answer_does() -> None:
    pytest.importorskip("jsonschema_rs")
    seen: dict[str, int] = {}
    broken: list[str] = []
    for name, interactions in recordings():
        replay = Replay(NotionEmulator())
        for said, answer, status in replay.answers(interactions):
            found = find_route(said.method, urlsplit(said.target).path)
            if found is None or said.version != "2026-03-11" or seen.get(found[0].name, 0) >= PER_OPERATION:
                continue
            operation = found[0].name
            seen[operation] = seen.get(operation, 0) + 1
            if not schemas().errors(operation, said.status, said.answer):
                broken += [f"{name}: {error}" for error in schemas().errors(operation, status, answer)]
    assert broken == []
    assert sum(seen.values()) > 100


@needs_schemas
def test_the_schemas_refuse_what_is_wrong() -> None:
    pytest.importorskip("jsonschema_rs")
    assert schemas().errors("GET /v1/pages/{id}", 200, {"object": "page", "id": "x"}) != []
    assert schemas().errors("GET /v1/pages/{id}", 404, {"object": "error", "status": 404, "code": "nothing", "message": "x"}) != []
