"""The code location loads the way that `make dev` and a deployment load it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from eco_assets.settings import PROJECT_ROOT


def test_dagster_definitions_validate_passes_in_the_projects_root(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "ECO_HOME": str(tmp_path / "eco"), "DAGSTER_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT_ROOT, env=environment)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-3000:]
    assert "All code locations passed validation" in told
    assert not (tmp_path / "eco").exists(), "loading the definitions wrote to the home"
