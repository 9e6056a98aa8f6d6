"""The gateway in front of a model server that takes 20 ms: what it adds, in milliseconds and CPU, beside a plain pass-through and LiteLLM.

`.venv/bin/python -m tests.benchmarks.gateway [--seconds 6] [--litellm FOLDER/bin/litellm] [--json]`. Every question is new, so that the
cache is looked up and missed; ours masks, keys, reserves and settles a budget, keeps the answer and writes a log line. Also: invalidations
until another process has seen them, and calls that a dying provider gets before its breaker opens. Two shared cores: compare the rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULT = Path(__file__).parent / "results" / "gateway.json"
KEY = "sk-benchmark-1234567890abcdef"
MODEL_SERVER = """
import asyncio, json, sys
from aiohttp import web
said = {"role": "assistant", "content": json.dumps({"choice": "a", "confidence": 0.95})}
body = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
  "message": said}], "usage": {"prompt_tokens": 250, "completion_tokens": 12, "total_tokens": 262}}).encode()
async def chat(request):
    await request.read()
    await asyncio.sleep(0.02)
    return web.Response(body=body, content_type="application/json")
app = web.Application()
app.router.add_post("/v1/chat/completions", chat)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""
PLAIN_PROXY = """
import sys
import aiohttp, uvicorn
from fastapi import FastAPI, Request, Response
app, held = FastAPI(), {}
@app.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    held["session"] = held.get("session") or aiohttp.ClientSession(headers={"Content-Type": "application/json"})
    async with held["session"].post(sys.argv[2] + "/chat/completions", data=await request.body()) as found:
        return Response(await found.read(), found.status, media_type="application/json")
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
"""
GATEWAY = """
import dataclasses, json, sys
from pathlib import Path
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from eco_assets.mcp.gateway import open_gateway
from eco_assets.mcp.gateway.catalogue import Catalogue
from eco_assets.mcp.questions import AskLimits, Choice, Question
from eco_assets.settings import Settings
model = {"endpoints": ["chat"], "context": 8000, "confidence": "reported", "least_ms": 0}
model["usd_per_million"] = {"input": 1, "cached": 0.1, "output": 4}
table = Catalogue.model_validate({"api": "eco/providers/v1", "routes": {"default": ["p/m"]},
    "providers": {"p": {"base_url": sys.argv[2], "key": "openai_api_key", "models": {"m": model}}}})
home = Path(sys.argv[3])
gateway = open_gateway(Settings(home=home, openai_api_key="k", llm_budget_usd=1000, llm_agent_budget_usd=1000), table=table)
choices, limits = (Choice("a", "atraso"), Choice("b", "defeito")), AskLimits(2000, 60, 5000)
log = (home / "answers.jsonl").open("a", buffering=1)
app = FastAPI()
@app.post("/v1/chat/completions")
async def chat(request: Request) -> JSONResponse:
    asked = json.loads(await request.body())
    evidence = json.loads(asked["messages"][1]["content"])["evidence"]
    said = asked["messages"][0]["content"]
    question = Question("motivo", evidence["n"], "varejo", "p", "s", "choice", said, choices, evidence, limits=limits)
    answer = await gateway.answer(question)
    assert answer.choice == "a" and not answer.is_cached, answer
    log.write(json.dumps(answer.record()) + "\\n")
    return JSONResponse({"choice": answer.choice, "confidence": answer.confidence, "provider": answer.provider})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
"""
LITELLM = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/m, api_base: {url}, api_key: k}}
litellm_settings: {{telemetry: false, drop_params: true}}
general_settings: {{master_key: {key}}}
"""
WATCHER = """
import sys, time
from pathlib import Path
from eco_assets.mcp.gateway.shared import MappedCounters
counters, seen = MappedCounters(Path(sys.argv[1])), None
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    now = counters.read(["tag"])
    if now != seen:
        seen = now
        print(time.monotonic(), flush=True)
"""


@contextmanager
def server(name: str, command: list[str], port: int, folder: Path, wait_s: float = 60, **environment: str) -> Iterator[int]:
    """A server process that listens; gives its process id."""
    log = (folder / f"{name}.log").open("wb")
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **environment})
    try:
        end = time.monotonic() + wait_s
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} did not start: {(folder / f'{name}.log').read_text()[-800:]}")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nothing listens on now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pid: int) -> float:
    """User and system seconds of a process and its children so far."""
    total = 0.0
    for stat in [Path(f"/proc/{pid}/stat"), *(Path(f"/proc/{child}/stat") for child in _children(pid))]:
        fields = stat.read_text().rsplit(")", 1)[1].split()
        total += sum(int(each) for each in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def question_body(number: int) -> dict[str, Any]:
    """A new question each, as a chat completion; about 250 tokens."""
    rules = "Qual e o motivo da reclamacao? Responda com uma das alternativas: a (atraso), b (defeito). " * 6
    evidence = {"n": f"d{number}", "review": f"Chegou com {number} dias de atraso, quero o meu dinheiro de volta. " * 4, "score": 1}
    return {
        "model": "m",
        "messages": [{"role": "system", "content": rules}, {"role": "user", "content": json.dumps({"evidence": evidence})}],
    }


async def load(url: str, seconds: float, at_once: int, first: int) -> list[float]:
    """A closed loop of `at_once` callers; milliseconds of each call."""
    import aiohttp

    found: list[float] = []
    numbers = iter(range(first, first + 10_000_000))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        end = time.perf_counter() + seconds

        async def one() -> None:
            while time.perf_counter() < end:
                body = question_body(next(numbers))
                started = time.perf_counter()
                async with session.post(url, json=body) as answer:
                    said = await answer.read()
                    if answer.status != 200:
                        raise RuntimeError(f"{url}: HTTP {answer.status} {said[:200]!r}")
                found.append((time.perf_counter() - started) * 1000)

        await asyncio.gather(*(one() for _ in range(at_once)))
    return found


def measured(name: str, base_url: str, pid: int, seconds: float) -> dict[str, Any]:
    """One row: alone (latency) and eight at once (throughput, CPU)."""
    url = f"{base_url}/chat/completions"
    asyncio.run(load(url, 1.5, 2, 0))
    alone = asyncio.run(load(url, seconds, 1, 1_000_000))
    before, started = cpu_s(pid), time.perf_counter()
    many = asyncio.run(load(url, seconds, 8, 2_000_000))
    wall, used = time.perf_counter() - started, cpu_s(pid) - before
    return {
        "name": name,
        "calls": len(alone) + len(many),
        "p50_ms": statistics.median(alone),
        "p95_ms": statistics.quantiles(alone, n=20)[-1],
        "at_8_per_s": len(many) / wall,
        "at_8_p95_ms": statistics.quantiles(many, n=20)[-1],
        "cpu_ms_a_call": used / len(many) * 1000,
    }


def gateways(folder: Path, seconds: float, litellm: Path | None) -> list[dict[str, Any]]:
    """Direct, pass-through, ours and LiteLLM over one model server, one after the other."""
    ports = [free_port() for _ in range(4)]
    upstream = f"http://127.0.0.1:{ports[0]}/v1"
    (folder / "litellm.yaml").write_text(LITELLM.format(url=upstream, key=KEY))
    python = sys.executable
    others: list[tuple[str, list[str], int, float]] = [
        ("FastAPI + aiohttp pass-through", [python, "-c", PLAIN_PROXY, str(ports[1]), upstream], ports[1], 60),
        ("Eco gateway", [python, "-c", GATEWAY, str(ports[2]), upstream, str(folder)], ports[2], 60),
    ]
    if litellm is not None:
        command = [
            str(litellm),
            "--config",
            str(folder / "litellm.yaml"),
            "--host",
            "127.0.0.1",
            "--port",
            str(ports[3]),
            "--num_workers",
            "1",
        ]
        others.append(("LiteLLM proxy", command, ports[3], 180))
    with server("model", [python, "-c", MODEL_SERVER, str(ports[0])], ports[0], folder) as pid:
        rows = [measured("direct", upstream, pid, seconds)]
        for name, command, port, wait_s in others:
            with server(name.split()[0], command, port, folder, wait_s, PYTHONWARNINGS="ignore") as own:
                rows.append(measured(name, f"http://127.0.0.1:{port}/v1", own, seconds))
    for row in rows:
        row |= {f"added_{each}": row[each] - rows[0][each] for each in ("p50_ms", "p95_ms")}
    return rows


def invalidation(folder: Path, times: int = 300) -> dict[str, float]:
    """Milliseconds of `invalidate`, and from its call until another process that looks all the time has seen it."""
    from eco_assets.mcp.gateway.shared import MappedCounters

    counters = MappedCounters(folder / "counters")
    command = [sys.executable, "-c", WATCHER, str(folder / "counters"), "30"]
    watcher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert watcher.stdout
    watcher.stdout.readline()
    watcher.stdout.readline()
    calls, seen = [], []
    for _ in range(times):
        started = time.monotonic()
        counters.bump(["tag"])
        calls.append((time.monotonic() - started) * 1000)
        seen.append((float(watcher.stdout.readline()) - started) * 1000)
    watcher.kill()
    watcher.wait()
    return {"times": times, "call_p95_ms": _p95(calls), "seen_p50_ms": statistics.median(seen), "seen_p95_ms": _p95(seen)}


def breaker(folder: Path) -> dict[str, Any]:
    """Calls that a server which only says 503 gets before nobody asks it, and how the 200 questions were answered."""
    sys.path.insert(0, str(ROOT / "tests" / "unit" / "gateway"))
    from fake_openai import FakeOpenAI
    from gateway_house import SureHead, gateway, question

    with FakeOpenAI(always=(503, {}, {})) as dying:
        held = gateway(folder / "breaker", dying, heads=[SureHead()], breaker={"open_s": 60})
        started = time.perf_counter()
        answers, opened_ms = [], None
        for number in range(200):
            answers.extend(held.answer_all([question(number)]))
            if opened_ms is None and held.status()["open_breakers"]:
                opened_ms = (time.perf_counter() - started) * 1000
        held.close()
    answered = sum(answer.choice is not None for answer in answers)
    return {"calls_until_open": len(dying.asked), "opened_after_ms": opened_ms, "questions": len(answers), "answered": answered}


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--litellm", type=Path, help="the program of an environment of its own: pip install 'litellm[proxy]'")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        rows = gateways(folder, given.seconds, given.litellm)
        parts: dict[str, Callable[[Path], dict[str, Any]]] = {"invalidation": invalidation, "breaker": breaker}
        others = {name: part(folder) for name, part in parts.items()}
    found = {"gateways": rows, **others, "load": os.getloadavg(), "cores": os.cpu_count()}
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    if given.json:
        print(json.dumps(found))
        return
    names = ("p50 ms", "p95 ms", "added p50", "added p95", "8 at once/s", "CPU ms/call")
    print(f"{'in front of a 20 ms model server':<34}" + "".join(f"{name:>13}" for name in names))
    for row in rows:
        values = (row["p50_ms"], row["p95_ms"], row["added_p50_ms"], row["added_p95_ms"], row["at_8_per_s"], row["cpu_ms_a_call"])
        print(f"{row['name']:<34}" + "".join(f"{value:>13.1f}" for value in values))
    for name, part in others.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in part.items()))
    print(f"kept in {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
