"""What a question comes back with: from typed decisions, from chat, from a head, from nobody; and what every hop says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fake_openai import FakeOpenAI
from gateway_house import KEY, SureHead, gateway, question

from eco_assets.errors import ConfigError
from eco_assets.mcp.gateway import open_gateway
from eco_assets.mcp.gateway.catalogue import configured, read_catalogue
from eco_assets.mcp.questions import AskLimits, Choice
from eco_assets.settings import Settings


def test_a_typed_decision_answers_and_is_billed_as_used(tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        held = gateway(tmp_path, server)
        (answer,) = held.answer_all([question()])
        held.close()
    assert (answer.choice, answer.confidence, answer.provider, answer.model) == ("a", 0.95, "p0", "m")
    (hop,) = answer.hops
    assert (hop.endpoint, hop.outcome, hop.http_status, hop.input_tokens, hop.cached_tokens) == ("decisions", "answered", 200, 100, 40)
    assert answer.cost_micro_usd == 60 + 4  # 60 fresh tokens at 1 and 40 cached at 0.1 micro-dollars
    assert server.asked[0].body["questions"][0]["type"] == "choice"


def test_a_server_without_decisions_is_asked_by_chat_and_not_for_decisions_again(tmp_path: Path) -> None:
    with FakeOpenAI(has_decisions=False) as server:
        held = gateway(tmp_path, server)
        first, second = held.answer_all([question(1)])[0], held.answer_all([question(2)])[0]
        held.close()
    assert [hop.endpoint for hop in first.hops] == ["decisions", "chat"]
    assert [hop.endpoint for hop in second.hops] == ["chat"]
    assert first.choice == second.choice == "a"
    assert first.confidence == pytest.approx(0.95)  # from the logprobs of the answer's own tokens
    schema = server.asked[0].body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["properties"]["choice"]["enum"] == ["a", "b"]


def test_a_model_without_logprobs_reports_its_confidence(tmp_path: Path) -> None:
    with FakeOpenAI(confidence=0.9) as server:
        held = gateway(tmp_path, server, model={"endpoints": ["chat"], "confidence": "reported"})
        (answer,) = held.answer_all([question()])
        held.close()
    assert answer.confidence == 0.9
    assert "logprobs" not in server.asked[0].body


@pytest.mark.parametrize(("kind", "choices", "says"), [("predicate", ("true", "false"), "true"), ("score", ("baixo", "alto"), "alto")])
def test_predicates_and_scores_come_back_as_choices(tmp_path: Path, kind: str, choices: tuple[str, ...], says: str) -> None:
    with FakeOpenAI(choice=says, confidence=0.9) as server:
        held = gateway(tmp_path, server)
        (answer,) = held.answer_all([question(kind=kind, choices=tuple(Choice(value) for value in choices))])
        held.close()
    assert answer.choice == says
    assert answer.confidence == pytest.approx(0.9)


def test_who_is_not_sure_is_passed_and_nobody_sure_is_an_abstention(tmp_path: Path) -> None:
    with FakeOpenAI(confidence=0.6) as unsure, FakeOpenAI(confidence=0.9, choice="b") as sure:
        held = gateway(tmp_path, unsure, sure)
        (answer,) = held.answer_all([question()])
        (nobody,) = held.answer_all([question(1, min_confidence=0.99)])
        held.close()
    assert [hop.outcome for hop in answer.hops] == ["unsure", "answered"]
    assert answer.choice == "b"
    assert nobody.choice is None
    assert nobody.provider == "none"
    assert nobody.cost_micro_usd > 0  # whoever was not sure was paid all the same


def test_without_a_provider_a_head_answers_and_nothing_is_opened(tmp_path: Path) -> None:
    held = open_gateway(Settings(home=tmp_path), heads=[SureHead()])
    (answer,) = held.answer_all([question()])
    (nobody,) = open_gateway(Settings(home=tmp_path)).answer_all([question()])
    held.close()
    assert (answer.choice, answer.provider, answer.model, answer.hops[0].endpoint) == ("a", "head", "sure", "local")
    assert (nobody.choice, nobody.hops) == (None, ())
    assert not (tmp_path / "gateway").exists()


def test_an_unknown_route_is_said_and_the_default_taken(tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        held = gateway(tmp_path, server)
        (answer,) = held.answer_all([question(route="nowhere")])
        held.close()
    assert answer.choice == "a"
    assert answer.hops[0].outcome == "skipped: no such route"


def test_what_does_not_fit_is_skipped_and_logged(tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        dear, held = AskLimits(deadline_ms=5_000, max_cost_micro_usd=1), gateway(tmp_path, server, model={"least_ms": 50})
        asked = [
            question(1, limits=dear),
            question(2, limits=AskLimits(deadline_ms=20)),
            question(3, evidence={"x": "y" * 100_000}, limits=AskLimits(5_000, 60, 10**6)),
        ]
        found = [answer.hops[0].outcome for answer in held.answer_all(asked)]
        held.close()
    assert found == ["skipped: budget of the answer", "skipped: deadline", "skipped: context"]
    assert server.asked == []


def test_equal_questions_at_once_are_asked_once(tmp_path: Path) -> None:
    async def many() -> list[bool]:
        found = await asyncio.gather(*(held.answer(question(0, subject=f"s{at}")) for at in range(20)))
        await held.aclose()
        return [answer.is_cached for answer in found]

    with FakeOpenAI(delay_s=0.05) as server:
        held = gateway(tmp_path, server)
        cached = asyncio.run(many())
    assert len(server.asked) == 1
    assert cached.count(False) == 1


def test_a_caller_that_gives_up_takes_nobody_with_it(tmp_path: Path) -> None:
    async def two() -> str | None:
        first = asyncio.create_task(held.answer(question()))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(held.answer(question()))
        await asyncio.sleep(0.02)
        first.cancel()
        found = await second
        await held.aclose()
        return found.choice

    with FakeOpenAI(delay_s=0.2) as server:
        held = gateway(tmp_path, server)
        assert asyncio.run(two()) == "a"
    assert len(server.asked) == 1


def test_keys_stand_in_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FakeOpenAI(always=(401, {}, {"error": {"message": f"Incorrect API key provided: {KEY}"}})) as server, caplog.at_level("DEBUG"):
        held = gateway(tmp_path, server)
        (answer,) = held.answer_all([question()])
        shown = [repr(answer), repr(held.status()), repr(held._table), repr(Settings(home=tmp_path, openai_api_key=KEY))]
        shown.append(Settings(home=tmp_path, openai_api_key=KEY).dumps())
        held.close()
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert not any("segredo" in text for text in [*shown, caplog.text])
    assert b"segredo" not in (tmp_path / "gateway" / "gateway.db").read_bytes()


def test_keys_have_their_owners_names_and_open_their_providers(tmp_path: Path) -> None:
    env = {
        "ECO_HOME": str(tmp_path),
        "GEMINI_API_KEY": "g",
        "XAI_API_KEY": "x",
        "OPENAI_API_KEY": "o",
        "ECO_LLM_BASE_URL": "http://127.0.0.1:9/v1",
    }
    found = configured(Settings.from_env(env))
    assert [model.provider for model in found.routes["default"] if model is not None] == ["compatible", "openai", "google", "xai"]
    assert {model.base_url for model in found.models} >= {"https://api.x.ai/v1", "https://api.openai.com/v1"}
    rates = {model.id: model.rates for model in found.models}
    assert rates["xai/grok-4.7"].cost(1_000, 1_000) == 8_000  # 2 and 6 dollars a million in genai-prices
    assert configured(Settings(home=tmp_path)).models == ()
    with pytest.raises(ConfigError, match="ECO_OPENAI_API_KEY"):
        Settings.from_env({"ECO_HOME": str(tmp_path), "ECO_OPENAI_API_KEY": "o"})


def test_a_table_that_names_an_unknown_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "providers.yaml"
    file.write_text("api: eco/providers/v1\nproviders: {}\nroutes: {default: [nobody/m]}\n")
    with pytest.raises(ConfigError, match="nobody/m"):
        read_catalogue(file)
