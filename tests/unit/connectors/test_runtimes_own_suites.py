"""The suites that the runtimes bring themselves, in their environments, on the same samples: Airbyte's standard tests, the Singer SDK's."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import HttpSource, rows_from
from foreign_shops import MANIFEST, NOBODY, AirbyteShop, SingerShop

from eco_assets.aurion.connectors.environments import Environments, read_lock
from eco_assets.errors import SourceUnavailable
from eco_assets.settings import PROJECT_ROOT

TESTING = ("pytest", "iniconfig", "pluggy", "packaging", "pygments")  # beside the runtime, as this project pins them


@pytest.fixture
def shop() -> Iterator[HttpSource]:
    with HttpSource() as source:
        source.write(rows_from(1, 30))
        yield source


def passed(runtimes: Path, lock: str, folder: Path, *options: str) -> int:
    """Run the tests of a folder in a runtime's environment with pytest beside it; how many passed, when none failed."""
    held = {line.partition("==")[0] for line in read_lock(lock)}
    try:
        ours = (PROJECT_ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        testing = [pin for pin in ours if (name := pin.partition("==")[0]) in TESTING and name not in held]
        python = Environments(runtimes).python(f"{lock}-testing", [*read_lock(lock), *testing])
    except SourceUnavailable as error:
        pytest.skip(f"no package index: {error}")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), NOBODY)}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *options, str(folder)]
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    found = re.search(r"(\d+) passed", run.stdout)
    assert found and "failed" not in run.stdout
    return int(found[1])


def test_airbytes_standard_tests_pass_on_our_manifest(runtimes: Path, shop: HttpSource, tmp_path: Path) -> None:
    root = tmp_path / "source-shop"
    (root / "secrets").mkdir(parents=True)
    (root / "manifest.yaml").write_text(MANIFEST.read_text(encoding="utf-8"), encoding="utf-8")
    (root / "secrets" / "config.json").write_text(json.dumps(AirbyteShop(shop, runtimes).config()), encoding="utf-8")
    sections = ("spec", "connection", "discovery", "basic_read")
    accepted = {name: {"tests": [{"config_path": "secrets/config.json"}]} for name in sections}
    accepted["connection"]["tests"][0]["status"] = "succeed"
    (root / "acceptance-test-config.yml").write_text(json.dumps({"connector_image": "x/source-shop:dev", "acceptance_tests": accepted}))
    (root / "metadata.yaml").write_text(json.dumps({"data": {"dockerRepository": "x/source-shop", "dockerImageTag": "0.0.1"}}))
    (root / "test_standard.py").write_text(
        "from airbyte_cdk.test.standard_tests import DeclarativeSourceTestSuite\n"
        "pytest_plugins = ['airbyte_cdk.test.standard_tests.pytest_hooks']\n"
        "class TestShop(DeclarativeSourceTestSuite): ...\n"
    )
    assert passed(runtimes, "airbyte-cdk", root, "-m", "not image_tests") >= 6


def test_the_singer_sdks_tests_pass_on_the_tap(runtimes: Path, shop: HttpSource, tmp_path: Path) -> None:
    config = SingerShop(shop, runtimes).config()
    (tmp_path / "test_tap.py").write_text(
        "from singer_sdk.testing import SuiteConfig, get_tap_test_class\n"
        "from tap_rest_api_msdk.tap import TapRestApiMsdk\n"
        f"TestTap = get_tap_test_class(tap_class=TapRestApiMsdk, config={config!r}, suite_config=SuiteConfig(max_records_limit=10))\n"
    )
    assert passed(runtimes, "tap-rest-api-msdk", tmp_path) >= 10
