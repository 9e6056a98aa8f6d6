"""schemathesis against the running service: whatever is asked, no 5xx, and every answer is what the OpenAPI page says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from service_house import make_home, served

from eco_assets.mcp.service.keys import SCOPES
from eco_assets.mcp.service.state import open_keys

EXAMPLES, SEED = 8, 20261122
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
CHECKS += ",negative_data_rejection,unsupported_method"


def test_the_service_keeps_its_own_page(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    platform = make_home(tmp_path)
    secret = open_keys(platform).new("fuzz", SCOPES, 600_000)[1]
    with served(platform) as server:
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json", "--seed", str(SEED)]
        bounds = ["--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--no-color"]
        exclude = ["--exclude-path", "/v1/decisions/{decision_id}/explain", "--request-timeout", "30"]
        key = ["-H", f"Authorization: Bearer {secret}"]
        done = subprocess.run([*command, *bounds, *exclude, *key], capture_output=True, text=True, check=False, timeout=240, cwd=tmp_path)
        assert server.process.poll() is None
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    platform.ledger.verify()
