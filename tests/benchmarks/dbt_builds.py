"""The dbt project built anew against builds on top of one, in one run: `python -m tests.benchmarks.dbt_builds [--scale 1.0]`.

`one source corrected` delivers a file with one other row, and the leads' features are made again; `a day of new data` moves the business
calendar too, on which every outcome and every replayed machine depends, so nearly all features are. CPU seconds are of this process, dbt's
start and parsing included; generating and ingesting are not counted.
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
        spent: dict[str, list[float]] = {}
        for back in range(ROUNDS + 1):
            for case, more, moved in (
                ("all anew", ["--full-refresh"], 0),
                ("one more day", [], 0),
                ("one more day, marts only", ["--select", "path:models/marts"], 0),
                ("one source corrected", [], 0),
                ("a day of new data", [], 1),
            ):
                if more == [] and case != "one more day":
                    _deliver_again(platform, back)
                end = anchor + timedelta(days=moved)
                days = json.dumps({"as_of": (anchor - timedelta(days=back)).isoformat(), "anchor": end.isoformat()})
                began = time.process_time()
                _, failed = run_dbt(["--quiet", "run", *more, "--vars", days], platform.lake, Path(folder) / "dbt")
                if failed:
                    raise SystemExit(f"{case}: {failed}")
                if back:  # the first round fills caches
                    spent.setdefault(case, []).append(time.process_time() - began)
    base = statistics.median(spent["all anew"])
    for case, times in spent.items():
        print(f"{case:26} {statistics.median(times):6.2f} CPU-s  {statistics.median(times) / base:.2f} of all anew")


def _deliver_again(platform: Platform, number: int) -> None:
    """The leads' file with another landing page in its last row."""
    path = next(platform.settings.data_root.rglob("olist_marketing_qualified_leads_dataset.csv"))
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[-1].split(",")
    cells[2] = f"{time.time_ns() + number:032x}"
    path.write_text("\n".join([*lines[:-1], ",".join(cells)]) + "\n", encoding="utf-8")
    if any(landed.quarantined for landed in platform.ingest("comercial")):
        raise SystemExit("the corrected file was refused")


if __name__ == "__main__":
    main()
