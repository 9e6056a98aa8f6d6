"""The dbt project built anew against one more day built on top, in one run: `python -m tests.benchmarks.dbt_builds [--scale 1.0]`.

CPU seconds are of this process, dbt's start and parsing included; the generated business is ingested before and not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from eco_assets.aurion.landing import Landing
from eco_assets.aurion.load import load
from eco_assets.contracts.contract import load_contracts
from eco_assets.platform import Platform
from eco_assets.settings import Settings
from resources.dbt import run_dbt

ROUNDS = 3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    scale = parser.parse_args().scale
    with tempfile.TemporaryDirectory(prefix="eco-bench-") as folder:
        platform = Platform(Settings(home=Path(folder) / "home", twin_scale=scale))
        landing: Landing = platform.landing
        load(platform.lake, landing, [landing.land(contract) for contract in load_contracts()])
        anchor = platform.business_date()
        spent: dict[str, list[float]] = {"all anew": [], "one more day": [], "one more day, marts only": []}
        for back in range(ROUNDS + 1):
            for case, more in (
                ("all anew", ["--full-refresh"]),
                ("one more day", []),
                ("one more day, marts only", ["--select", "path:models/marts"]),
            ):
                days = json.dumps({"as_of": (anchor - timedelta(days=back)).isoformat(), "anchor": anchor.isoformat()})
                began = time.process_time()
                _, failed = run_dbt(["--quiet", "run", *more, "--vars", days], platform.lake, Path(folder) / "dbt")
                if failed:
                    raise SystemExit(f"{case}: {failed}")
                if back:  # the first round fills caches
                    spent[case].append(time.process_time() - began)
    base = statistics.median(spent["all anew"])
    for case, times in spent.items():
        print(f"{case:26} {statistics.median(times):6.2f} CPU-s  {statistics.median(times) / base:.2f} of all anew")


if __name__ == "__main__":
    main()
