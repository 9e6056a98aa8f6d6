"""`eco serve` over HTTP, by real clients: answers, keys, limits, repeats, problems, numbers."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator

import openai
import pytest
import requests
from service_house import DAY, POINT, Served, make_home, served

from eco_assets.mcp.policies import load_policies
from eco_assets.mcp.service.keys import SCOPES
from eco_assets.mcp.service.state import open_keys
from eco_assets.platform import Platform

ASK = {"point": POINT, "subject": "lead1"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return make_home(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def keys(platform: Platform) -> dict[str, str]:
    """Secrets by name: one that may do all, one that may only read, one that is slow."""
    made = open_keys(platform)
    return {
        "all": made.new("all", SCOPES, 60_000)[1],
        "reader": made.new("reader", ["read"], 60_000)[1],
        "slow": made.new("slow", ["decide", "read"], 60)[1],
    }


@pytest.fixture(scope="module")
def server(platform: Platform, keys: dict[str, str]) -> Iterator[Served]:
    with served(platform) as running:
        yield running


def problem(answer: requests.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, object] = answer.json()
    assert told["status"] == status
    assert told["detail"]
    return told


def test_a_decision_is_the_ledger_s_record_and_stands(server: Served, keys: dict[str, str], platform: Platform) -> None:
    first, again = (server.post("/v1/decide", ASK, keys["all"]) for _ in range(2))
    assert first.status_code == 200, first.text
    record = first.json()
    assert platform.ledger.get("decision", record["decision_id"]) == record == again.json()
    assert (first.headers["eco-decision"], again.headers["eco-decision"]) == ("new", "standing")
    assert record["source"] == "http"
    assert record["latency"].keys() >= {"features", "queue", "policy"}
    assert server.get(f"/v1/decisions/{record['decision_id']}", keys["all"]).json() == record


def test_a_trace_goes_on_into_the_record(server: Served, keys: dict[str, str]) -> None:
    trace = uuid.uuid4().hex
    answer = server.post("/v1/decide", {**ASK, "subject": "lead7"}, keys["all"], traceparent=f"00-{trace}-{trace[:16]}-01")
    assert answer.json()["traceparent"].split("-")[1] == trace


def test_a_batch_tells_each_subject_apart(server: Served, keys: dict[str, str]) -> None:
    body = {"point": POINT, "items": [{"subject": "lead10"}, {"subject": "nobody"}, {"subject": "lead11"}]}
    results = server.post("/v1/decide:batch", body, keys["all"]).json()["results"]
    assert [one["status"] for one in results] == [200, 404, 200]
    assert "bring its features" in results[1]["problem"]["detail"]
    assert results[2]["decision"]["subject"] == "lead11"


def test_openai_s_client_is_a_client(server: Served, keys: dict[str, str]) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=keys["all"], max_retries=0)
    policy = load_policies()[POINT]
    choices = [{"value": action.name} for action in policy.actions]  # one that is not asked about keeps its share
    found = client.decisions.create(
        model=f"eco/{POINT}",
        input="lead3",
        questions=[
            {"type": "choice", "name": "action", "instructions": "Which action?", "choices": choices},  # type: ignore[list-item]
            {"type": "predicate", "name": "p_convert", "instructions": "Does the lead convert?"},
            {"type": "predicate", "name": "weather", "instructions": "Does it rain?"},
        ],
    )
    action, converts, rain = found.answers
    assert action.type == "choice"
    assert action.choice == server.post("/v1/decide", {**ASK, "subject": "lead3"}, keys["all"]).json()["action"]
    assert sum(one.probability for one in action.probabilities) == pytest.approx(1)
    assert (converts.type, rain.type) == ("predicate", "refusal")
    assert converts.type == "predicate"
    assert converts.probability == 0.4
    with pytest.raises(openai.NotFoundError, match="the known ones are eco/agencia"):
        client.decisions.create(model="gpt-6-luna", input="lead3", questions=[{"type": "predicate", "instructions": "?"}])
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="no", max_retries=0).decisions.create(
            model=f"eco/{POINT}", input="lead3", questions=[{"type": "predicate", "instructions": "?"}]
        )


def test_a_request_key_repeats_the_answer_and_refuses_another_body(server: Served, keys: dict[str, str]) -> None:
    key = {"Idempotency_Key": "order-17"}
    body = {**ASK, "subject": "lead20"}
    first, again = (server.post("/v1/decide", body, keys["all"], **key) for _ in range(2))
    assert first.content == again.content
    assert again.headers["eco-decision"] == "standing"
    assert "another request" in str(problem(server.post("/v1/decide", {**body, "subject": "lead21"}, keys["all"], **key), 422)["detail"])
    other = server.post("/v1/decide", {**body, "subject": "lead21"}, keys["slow"], **key)
    assert other.json()["subject"] == "lead21", "another caller's key is another key"


def test_keys_scopes_and_rates_are_kept(server: Served, keys: dict[str, str], platform: Platform) -> None:
    problem(server.post("/v1/decide", ASK), 401)
    problem(server.post("/v1/decide", ASK, "eco_made_up"), 401)
    assert "lacks the scope decide" in str(problem(server.post("/v1/decide", ASK, keys["reader"]), 403)["detail"])
    answers = [server.get("/v1/policies", keys["slow"]) for _ in range(4)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert int(limited[0].headers["retry-after"]) >= 1
    text = platform.settings.home.joinpath("service", "keys.json").read_text()
    assert all(secret not in text for secret in keys.values())
    assert hashlib.sha256(keys["all"].encode()).hexdigest() in text
    assert all(secret not in server.log.read_text() for secret in keys.values())


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"point": POINT}, 422, "subject"),
        ({**ASK, "extra": 1}, 422, "extra"),
        ({**ASK, "features": {"age_days": "soon", "colour": "red"}}, 422, "colour"),
        ({**ASK, "features": {"p_convert": 0.9}}, 422, "p_convert"),
        ({**ASK, "point": "comercial/nothing"}, 404, "the known ones are"),
        ({**ASK, "as_of": "2018-01-01"}, 404, f"serves {DAY.isoformat()}"),
        ({"point": "varejo/replenishment", "subject": "toys"}, 404, "materialize online/varejo/replenishment"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(server: Served, keys: dict[str, str], body: object, status: int, words: str) -> None:
    assert words in str(problem(server.post("/v1/decide", body, keys["all"]), status)["detail"])


def test_bodies_that_are_no_json_too_large_or_misplaced(server: Served, keys: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {keys['all']}"}
    problem(requests.post(f"{server.url}/v1/decide", data=b"{no", headers=headers, timeout=30), 400)
    problem(requests.post(f"{server.url}/v1/decide", data=b"x" * 300_000, headers=headers, timeout=30), 413)
    problem(requests.post(f"{server.url}/v1/decide", data=iter([b"x" * 200_000] * 2), headers=headers, timeout=30), 413)
    problem(server.get("/v1/nothing", keys["all"]), 404)
    assert "POST" in requests.get(f"{server.url}/v1/decide", timeout=30).headers["allow"]


def test_features_that_a_request_brings_are_fresh_and_recorded(server: Served, keys: dict[str, str]) -> None:
    body = {"point": POINT, "subject": "lead2", "features": {"age_days": 9, "landing_page_leads": 300}}
    record = server.post("/v1/decide", body, keys["all"]).json()
    assert record["features"]["age_days"] == 9.0
    assert record["age_hours"]["age_days"] == 0.0 < record["age_hours"]["origin"] + 1
    assert record["action"] == "nutrir", "a contact after a week is not eligible"


def test_policies_and_their_versions_are_listed(server: Served, keys: dict[str, str]) -> None:
    listed = {one["name"]: one for one in server.get("/v1/policies", keys["all"]).json()["items"]}
    assert listed[POINT]["serves"]["subjects"] == 50
    assert server.get(f"/v1/policies/{POINT}", keys["all"]).json()["content"]["default"] == "aguardar"
    versions = server.get(f"/v1/policies/{POINT}/versions", keys["all"]).json()["items"]
    assert [one["is_current"] for one in versions] == [True]


def test_an_approval_is_answered_once(server: Served, keys: dict[str, str]) -> None:
    record = server.post("/v1/decide", {**ASK, "subject": "lead30"}, keys["all"]).json()
    assert not record["requires_approval"]
    told = problem(server.post(f"/v1/approvals/{record['decision_id']}", {"verdict": "approved"}, keys["all"]), 409)
    assert "needs no approval" in str(told["detail"])
    assert server.get("/v1/approvals?agent=comercial", keys["all"]).json() == {"items": []}


def test_an_outcome_is_told_once_by_each_source(server: Served, keys: dict[str, str], platform: Platform) -> None:
    record = server.post("/v1/decide", {**ASK, "subject": "lead31"}, keys["all"]).json()
    body = {"decision_id": record["decision_id"], "reward_brl": 120.5, "source": "crm"}
    told = [server.post("/v1/outcomes", body, keys["all"]).json()["is_new"] for _ in range(2)]
    assert told == [True, False]
    assert [one["reward_brl"] for one in platform.ledger.list("outcome")] == [120.5]
    problem(server.post("/v1/outcomes", {**body, "reward_brl": 1.0}, keys["all"]), 422)
    problem(server.post("/v1/outcomes", {**body, "decision_id": "0" * 32}, keys["all"]), 404)


def test_health_and_numbers(server: Served, keys: dict[str, str]) -> None:
    assert server.get("/health/live").json() == server.get("/health/ready").json() == {"status": "ok"}
    deep = server.get("/health/deep", keys["all"]).json()
    assert deep["status"] == "ok"
    assert "50 subjects" in deep["parts"][f"online {POINT}"]["finding"]
    assert deep["parts"]["jorge database"] == {"is_ok": True, "finding": "nothing was carried out yet"}
    text = server.get("/metrics", keys["all"]).text
    assert 'eco_http_requests_total{operation="decide",status="200"}' in text
    assert "eco_http_request_seconds_bucket" in text
    page = requests.get(f"{server.url}/openapi.json", timeout=30).json()
    assert page["paths"]["/v1/decide"]["post"]["requestBody"]["content"]["application/json"]["example"]["point"] == POINT


def test_a_revoked_key_is_refused_within_two_seconds(server: Served, platform: Platform) -> None:
    import time

    made = open_keys(platform)
    key, secret = made.new("short", ["read"], 600)
    time.sleep(1.2)
    assert server.get("/v1/policies", secret).status_code == 200
    made.revoke(key.id)
    time.sleep(1.2)
    problem(server.get("/v1/policies", secret), 401)
