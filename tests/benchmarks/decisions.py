"""The decision endpoint: features, a model, 20 rules and the ledger behind one HTTP request. `python -m tests.benchmarks.decisions`.

Every request brings features of its own, so that each is scored by a LightGBM model, weighed by 20 rules and three actions, and appended to
the ledger, synced to disk, before it is answered. Closed loop by wrk (Debian: apt-get install wrk) with 1 and 2 workers; open loop at
167 requests a second (10,000 a minute) by a small generator that never waits for an answer before it sends the next request, so that a
slow answer does not hide the ones behind it. CPU is of the server's whole process tree. Nothing is asserted: on a shared machine compare
CPU a request, and the ratio to `calibration_ms`, the CPU of a fixed loop in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"
POINT, MODEL, DAY, SUBJECTS = "comercial/benchmark", "comercial_lead_conversion", date(2026, 6, 30), 20_000
ORIGINS = ("organic_search", "paid_search", "social", "email")
OPEN_RATE = 167.0
LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n, seed = 0, {seed}
function request()
  n = n + 1
  local rate = ((n * 7919 + seed) % 999983) / 999983
  local form = '{{"point":"{point}","subject":"s%d","features":{{"rate":%.6f,"leads":%d}}}}'
  local body = string.format(form, n % {subjects}, rate, n + seed)
  return wrk.format(nil, nil, nil, body)
end
"""


def policy_text() -> str:
    """A decision point with 20 rules and three actions."""
    rules = "\n".join(
        f'  - {{id: r{n}, when: "features.rate > {0.9 + n / 300:.4f} && predictions.p_convert < {0.01 * (n + 1):.2f}", '
        f"then: {{exclude: [ligar]}}}}"
        for n in range(20)
    )
    return f"""
api: eco/policy/v1
agent: comercial
point: benchmark
version: 1.0.0
description: The decision point of the benchmark.
owner: team:comercial
subject: lead
query: SELECT 1 AS subject, $as_of AS day
trace: SELECT 'none' AS source, '' AS file, 0 AS row_number, '' AS batch WHERE $subject = ''
inputs:
  max_age_hours: 48
  features: {{rate: {{required: true}}, leads: {{}}, origin: {{}}, p_convert: {{required: true}}}}
  models: [{MODEL}]
default: aguardar
rules:
{rules}
actions:
  - name: ligar
    label: Ligar
    workflow: comercial.agendar_contato
    value_brl: "predictions.p_convert * 800.0"
    cost_brl: "35.0"
    reason: "Chance de {{p_convert:.1%}}."
  - name: nutrir
    label: Nutrir
    workflow: comercial.nutrir
    value_brl: "predictions.p_convert * 150.0"
    cost_brl: "2.0"
    reason: "Chance de {{p_convert:.1%}}."
  - {{name: aguardar, label: Aguardar, value_brl: "0.0", reason: "Nada se paga."}}
guardrails: {{max_actions_per_day: 100000000, max_cost_brl_per_day: 1000000000, approval_above_brl: 500}}
"""


def fitted() -> Any:
    """A LightGBM model of 100 trees on four features."""
    import numpy as np
    import pandas as pd

    from ml.propensity.conversion import ConversionModel
    from ml.propensity.estimators import Columns, fit_boosting, to_inputs

    draw, count = np.random.default_rng(1), 5000
    frame = pd.DataFrame({"origin": draw.choice(ORIGINS, count), "rate": draw.random(count), "leads": draw.integers(0, 500, count)})
    outcome = (draw.random(count) < frame["rate"] * np.where(frame["origin"] == "email", 0.9, 0.4)).astype(int).to_numpy()
    columns = Columns(("origin",), ("rate", "leads"))
    trees = fit_boosting(to_inputs(frame, columns), outcome, columns, objective="binary", seed=1, trees=100)
    return ConversionModel("is_yes", columns, "boosting", trees, 0.0, 1.0)


class OneModel:
    """A registry of one model; what MLflow needs to load one is no part of a request."""

    def load(self, name: str, as_of: date) -> tuple[Any, Any]:
        """The model, version 1."""
        return fitted(), type("Version", (), {"version": "1"})


def prepare(home: Path) -> None:
    """Publish the subjects."""
    from eco_assets.aurion.features.store import open_online
    from eco_assets.mcp.engine import Context
    from eco_assets.mcp.online import publish
    from eco_assets.settings import Settings

    draw = random.Random(5)
    contexts = [
        Context(
            f"s{number}",
            DAY.isoformat(),
            {
                "origin": draw.choice(ORIGINS),
                "rate": draw.random(),
                "leads": float(draw.randrange(500)),
                **{f"f{n}": draw.random() for n in range(20)},
            },
            {"p_convert": 0.2},
            ((MODEL, "1"),),
            "bench",
        )
        for number in range(SUBJECTS)
    ]
    publish(open_online(Settings(home=home)), POINT, DAY, contexts)


def serve(home: Path, port: int, workers: int) -> None:
    """The service with the benchmark's policy and model."""
    from eco_assets.mcp.live import Scorers
    from eco_assets.mcp.policies import parse_policy
    from eco_assets.mcp.service.app import Front, build
    from eco_assets.mcp.service.server import serve as run
    from eco_assets.mcp.service.state import Service
    from eco_assets.platform import Platform
    from eco_assets.settings import Settings

    def make() -> Front:
        service = Service(Platform(Settings(home=home)))
        service.decider.policies = service.policies = {POINT: parse_policy(policy_text(), "benchmark.yaml")}
        service.decider.scorers = Scorers(OneModel())  # type: ignore[arg-type]
        return build(service)

    run(Platform(Settings(home=home)), make, host="127.0.0.1", port=port, workers=workers)


@contextmanager
def server(home: Path, workers: int) -> Iterator[tuple[int, int]]:
    """A service of so many workers; gives its process id and port."""
    import requests
    from servers import free_port

    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.decisions", "--serve", str(home), str(port), str(workers)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        body = {"point": POINT, "subject": "s0", "features": {"rate": 0.5}}
        good = 0
        while good < 20 * workers:  # every worker has loaded its model
            try:
                good += requests.post(f"http://127.0.0.1:{port}/v1/decide", json=body, timeout=60).ok
            except requests.ConnectionError:
                time.sleep(0.2)
            if time.monotonic() > deadline:
                raise SystemExit("the service did not start")
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children so far."""
    pids = [str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    ticks = 0
    for one in pids:
        ticks += sum(map(int, Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def calibration_ms() -> float:
    """CPU milliseconds of a fixed loop: how much the machine's other work inflates the figures."""
    before, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return round((time.process_time() - before) * 1000, 1)


def closed(pid: int, port: int, connections: int, seconds: int, seed: int) -> dict[str, Any]:
    """wrk: each connection asks again when it is answered."""
    if shutil.which("wrk") is None:
        return {"skipped": "wrk is not installed (Debian: apt-get install wrk)"}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA.format(seed=seed, point=POINT, subjects=SUBJECTS))
        script.flush()
        before = tree_cpu_s(pid)
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, f"http://127.0.0.1:{port}/v1/decide"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        used = tree_cpu_s(pid) - before
    done = int(re.findall(r"(\d+) requests in", text)[0])
    errors = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    shares = {f"p{share}_ms": _ms(value) for share, value in re.findall(r"^\s+(50|75|90|99)%\s+(\S+)$", text, re.MULTILINE)}
    mean = _ms(re.findall(r"Latency\s+(\S+)", text)[0])
    rate = float(re.findall(r"Requests/sec:\s+(\S+)", text)[0])
    return {
        "requests": done,
        "errors": errors,
        "per_s": round(rate, 1),
        "mean_ms": mean,
        **shares,
        "cpu_ms_per_request": round(used / done * 1000, 3),
    }


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return round(float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit], 2)


async def opened(pid: int, port: int, seconds: int, seed: int) -> dict[str, Any]:
    """167 requests a second at their moments, whatever the answers do; latency counts from the moment, not from the sending."""
    import aiohttp

    url, took, errors = f"http://127.0.0.1:{port}/v1/decide", [], 0
    before = tree_cpu_s(pid)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        start = time.perf_counter()

        async def one(number: int) -> None:
            nonlocal errors
            moment = start + number / OPEN_RATE
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            body = {
                "point": POINT,
                "subject": f"s{number % SUBJECTS}",
                "features": {"rate": (number * 31 + seed) % 9973 / 9973, "leads": number},
            }
            async with session.post(url, json=body) as answer:
                await answer.read()
                errors += answer.status != 200
            took.append((time.perf_counter() - moment) * 1000)

        await asyncio.gather(*(one(number) for number in range(int(OPEN_RATE * seconds))))
        wall = time.perf_counter() - start
    took.sort()
    shares = {f"p{share}_ms": round(took[len(took) * share // 100], 2) for share in (50, 95, 99)}
    used = tree_cpu_s(pid) - before
    mean = round(sum(took) / len(took), 2)
    rate = round(len(took) / wall, 1)
    return {
        "requests": len(took),
        "errors": errors,
        "per_s": rate,
        "mean_ms": mean,
        **shares,
        "cpu_ms_per_request": round(used / len(took) * 1000, 3),
    }


def measure(workers: int, seconds: int) -> list[dict[str, Any]]:
    """All loops against a fresh home."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder) / "home")
        with server(Path(folder) / "home", workers) as (pid, port):
            closed(pid, port, 8, 2, 1)  # warms up
            for connections in (4, 8, 16):
                found.append(
                    {"name": f"closed loop, {connections} connections", **closed(pid, port, connections, seconds, connections * 10_000_000)}
                )
            found.append({"name": "open loop, 167/s", **asyncio.run(opened(pid, port, seconds * 2, 900_000_000))})
        from eco_assets.ledger import Ledger

        entries = Ledger(Path(folder) / "home" / "ledger.db").verify().seq
    return [{"workers": workers, "ledger_entries": entries, **one} for one in found]


def main() -> None:
    """Measure, print, keep."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=10, help="of each closed loop; the open loop lasts twice as long")
    options.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    options.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        serve(Path(given.serve[0]), int(given.serve[1]), int(given.serve[2]))
        return
    load, calibration = os.getloadavg(), calibration_ms()
    found = [one for workers in given.workers for one in measure(workers, given.seconds)]
    for one in found:
        print(
            f"{one['workers']} worker(s), {one['name']:<32}" + ", ".join(f"{k} {v}" for k, v in one.items() if k not in ("name", "workers"))
        )
    after = calibration_ms()
    print(f"load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after; calibration loop {calibration} and {after} ms of CPU")
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"decisions-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    context = {"load": load, "calibration_ms": [calibration, after], "cores": os.cpu_count()}
    kept.write_text(json.dumps({**context, "figures": found}, indent=2))
    print(f"kept in {kept.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
