"""The conformance suite itself: a connector that keeps its promises passes, one that breaks a promise fails at the test of that promise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import SECRET, WRONG_SECRET, Credentials, EndlessStorm, HttpSource, Incremental, Row, Storms, Subject, Unreachable


class ToyShop(Subject):
    """The toy connector on the suite's shop."""

    factory = "toy_connector:Toy"

    def __init__(self, source: HttpSource, fault: str = "") -> None:
        super().__init__()
        self.source, self.arguments = source, {"fault": fault}
        self.storm = source.storm  # type: ignore[method-assign]

    def config(self) -> dict[str, str]:
        return {"url": self.source.url, "token": SECRET}

    def wrong_config(self) -> dict[str, str]:
        return {**self.config(), "token": WRONG_SECRET}

    def unreachable_config(self) -> dict[str, str]:
        return {**self.config(), "url": "http://127.0.0.1:9"}

    def write(self, rows: list[Row]) -> None:  # type: ignore[override]
        self.source.write(rows)


class TestAGoodConnector(Incremental, Credentials, Unreachable, Storms, EndlessStorm):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        with HttpSource() as source:
            yield ToyShop(source)


FAULTS = {
    "unmarked secret": "test_the_specification_is_a_json_schema_that_marks_secrets",
    "logs the secret": "test_reading_gives_exactly_the_rows_of_the_source",
    "shows the secret": "test_wrong_credentials_are_refused_and_not_shown",
    "loses a row": "test_reading_gives_exactly_the_rows_of_the_source",
    "forgets the state": "test_a_second_reading_brings_nothing_old",
    "state runs ahead": "test_reading_goes_on_from_the_state_of_any_batch",
    "misses the new column": "test_a_new_column_arrives_with_its_values",
    "gives up at once": "test_a_storm_is_ridden_out",
}


def test_each_broken_promise_is_found(tmp_path: Path) -> None:
    here, module = Path(__file__).parent, tmp_path / "test_faults.py"
    head = (
        "import pytest\nfrom conformance import Credentials, HttpSource, Incremental, Storms\nfrom test_conformance_suite import ToyShop\n"
    )
    shop = (
        "    @pytest.fixture\n    def subject(self):\n        with HttpSource() as source:\n            yield ToyShop(source, {fault!r})\n"
    )
    classes = [f"class TestFault{n}(Incremental, Credentials, Storms):\n{shop.format(fault=fault)}" for n, fault in enumerate(FAULTS)]
    module.write_text(head + "\n".join(classes), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "-rfE"]
        + [f"{module}::TestFault{n}::{test}" for n, test in enumerate(FAULTS.values())],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{here}:{here.parent.parent}", "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=120,
    )
    for n, (fault, test) in enumerate(FAULTS.items()):
        assert f"::TestFault{n}::{test}" in run.stdout, f"{fault}: {test} found nothing\n{run.stdout[-2000:]}"
