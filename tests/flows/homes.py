"""A home of the flow tests, with its engines and runs of jobs in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from eco_assets.defs.inprocess import Outcome, instance, run_job
from eco_assets.platform import Platform
from eco_assets.settings import Settings

SCALE = 0.3


@dataclass(frozen=True)
class Home:
    """A home with its engines, and runs of jobs in it."""

    path: Path

    @property
    def platform(self) -> Platform:
        return Platform(Settings(home=self.path, twin_scale=SCALE))

    @property
    def data(self) -> Path:
        return self.path / "twin"

    def run(self, job: str = "eco", day: date | None = None) -> Outcome:
        with self.instance() as opened:
            return run_job(self.platform, job, day or self.platform.business_date(), opened)

    def instance(self) -> dg.DagsterInstance:
        return instance(self.path / "dagster")  # type: ignore[return-value]

    @property
    def environment(self) -> dict[str, str]:
        return {"ECO_HOME": str(self.path), "ECO_TWIN_SCALE": str(SCALE)}
