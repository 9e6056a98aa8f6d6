"""What `eco new` starts loads and runs: in a copy of the project, from a sample file to a model, a decision and a page."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from eco_assets.settings import PROJECT_ROOT

DAY = date(2026, 10, 31)
FOLDERS = ("eco_assets", "ml", "notion_sync", "sensors", "resources", "dbt_project", "deploy")
MATERIALIZE = """
import logging, sys, warnings
warnings.simplefilter("ignore"); logging.disable(logging.INFO)
import dagster as dg
from eco_assets.definitions import build_defs
job = build_defs().get_repository_def().get_job("__ASSET_JOB")
keys = [dg.AssetKey.from_user_string(key) for key in sys.argv[2:]]
done = job.execute_in_process(asset_selection=keys, partition_key=sys.argv[1], instance=dg.DagsterInstance.ephemeral())
print(*sorted(event.asset_key.to_user_string() for event in done.get_asset_materialization_events()))
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., str]:
    """Runs Python in a copy of the project with a home of its own; gives what was printed."""
    root, home = tmp_path / "project", tmp_path / "home"
    listing = ["git", "ls-files", "-co", "--exclude-standard", *FOLDERS]
    tracked = subprocess.run(listing, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, tracked):
        if (PROJECT_ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((PROJECT_ROOT / name).read_bytes())
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("ECO_", "DAGSTER_", "DBT_"))}
    environ = {**plain, "PYTHONPATH": str(root), "ECO_HOME": str(home), "ECO_TWIN_SCALE": "0.1"}

    def run(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], cwd=root, env=environ, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def sample(path: Path) -> None:
    """Coupons of two hundred days; whether one was used is not known yet for those of the last ten."""
    draw = random.Random(3)
    lines = ["coupon_id,issued_on,channel,amount_brl,is_used"]
    for number in range(500):
        issued, channel = DAY - timedelta(days=draw.randrange(200)), draw.choice(["app", "site", "loja"])
        used = "" if (DAY - issued).days < 10 else str(draw.random() < (0.7 if channel == "app" else 0.1)).lower()
        lines.append(f"c{number:05d},{issued},{channel},{draw.uniform(5, 80):.2f},{used}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.skipif(not (PROJECT_ROOT / ".git").exists(), reason="the copy is made of what git tracks")
def test_from_a_sample_file_to_a_model_a_decision_and_a_page(project: Callable[..., str], tmp_path: Path) -> None:
    def new(*words: str) -> None:
        project("-c", "from eco_assets.cli import app; app()", "new", *words)

    def made(*keys: str) -> list[str]:
        return project("-c", MATERIALIZE, DAY.isoformat(), *keys).split()[-len(keys) :]

    sample(tmp_path / "coupons.csv")
    new("source", "varejo.coupons", "--from", str(tmp_path / "coupons.csv"), "--key", "coupon_id")
    sample(tmp_path / "home" / "twin" / "varejo" / "coupons" / "2026.csv")
    first = ["raw/varejo/coupons", "staging/varejo/coupons"]
    assert made(*first) == first

    read, own = "staging.stg_varejo__coupons", "varejo.coupon_use"
    new("feature", own, "--reads", read, "--key", "coupon_id")
    assert made("features/varejo/coupon_use") == ["features/varejo/coupon_use"]
    feature = ("--reads", "features.feat_varejo__coupon_use", "--key", "coupon_id")
    new("mart", own, *feature)
    new("model", own, *feature, "--target", "is_used", "--time", "issued_on")
    second = ["marts/varejo/coupon_use", "models/varejo/coupon_use", "predictions/varejo/coupon_use"]
    assert made(*second) == second

    mart = ("--reads", "marts.mart_varejo__coupon_use")
    new("workflow", "varejo.enviar_cupom", "--label", "Enviar cupom")
    worth = ("--key", "coupon_id", "--value", "amount_brl", "--workflow", "varejo.enviar_cupom", "--source", "varejo.coupons")
    new("decision", own, *mart, *worth)
    new("report", own, *mart)
    assert "nothing to say" in project("-c", "from eco_assets.cli import app; app()", "policy", "lint")
    third = ["decisions/varejo/coupon_use", "reports/varejo/coupon_use"]
    assert made(*third) == third
    assert made("executions/varejo/workflows") == ["executions/varejo/workflows"]
    sent = [json.loads(path.read_text("utf-8")) for path in (tmp_path / "home" / "outbox" / "crm").glob("*.json")]
    assert {each["kind"] for each in sent} == {"enviar_cupom"}
    page = (tmp_path / "home" / "notion" / "relatorios" / DAY.isoformat() / "varejo-coupon_use.md").read_text("utf-8")
    assert "c00000" in page
