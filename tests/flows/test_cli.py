"""The `eco` command as people and programs use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from homes import Home

ECO = Path(sys.executable).with_name("eco")


def eco(home: Home, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ECO), *arguments], env={**os.environ, **home.environment, **more}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [("status",), ("workflows",), ("approvals",), ("doctor",), ("ledger", "verify")])
def test_every_listing_speaks_json(good_home: Home, arguments: tuple[str, ...]) -> None:
    done = eco(good_home, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is not None


def test_explain_prints_the_whole_chain(good_home: Home) -> None:
    decision = next(d for d in good_home.platform.ledger.list("decision", agent="varejo") if d["workflow"])
    done = eco(good_home, "explain", decision["decision_id"][:12])
    assert done.returncode == 0, done.stderr
    for part in ("1. Raw rows", "2. Features", "3. Models", "4. Policy", "5. Action", "6. Workflow", "7. Cost", "8. Page"):
        assert part in done.stdout
    assert json.loads(eco(good_home, "explain", decision["decision_id"], "--json").stdout)["decision"]["subject"] == decision["subject"]


def test_an_unknown_decision_is_an_error_that_says_what_to_do(good_home: Home) -> None:
    done = eco(good_home, "explain", "zzz")
    assert done.returncode == 1
    assert "no decision begins with 'zzz'" in done.stderr


def test_an_unknown_agent_is_wrong_usage(good_home: Home) -> None:
    done = eco(good_home, "run", "--agent", "vendas")
    assert done.returncode == 2
    assert "comercial, varejo, industrial, agencia" in done.stderr


def test_an_unknown_setting_is_named(good_home: Home) -> None:
    done = eco(good_home, "status", ECO_COLOUR="x")
    assert done.returncode == 2
    assert "ECO_COLOUR" in done.stderr


def test_a_home_that_holds_other_data_is_refused(good_home: Home, tmp_path: Path) -> None:
    done = eco(good_home, "status", ECO_DATA=str(tmp_path))
    assert done.returncode == 2
    assert "set ECO_HOME to another folder" in done.stderr
