"""A process that decides about leads as fast as it can and says which decisions it was told are recorded; tests kill it.

Run as `python journal_worker.py HOME FIRST COUNT`; prints an id a line as each is acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from service_house import POINT, decider_of, journal_of

from eco_assets.errors import EcoError
from eco_assets.mcp.decider import Ask, Caller
from eco_assets.platform import Platform
from eco_assets.settings import Settings


async def main(home: Path, first: int, count: int) -> None:
    platform = Platform(Settings(home=home))
    journal = journal_of(platform)
    decider = decider_of(platform, journal)
    waiting = iter(range(first, first + count))

    async def work() -> None:
        for number in waiting:
            (result,) = await decider.results([Ask(POINT, f"lead{number}")], Caller("http"))
            if isinstance(result, EcoError):
                raise result
            record = result.record()
            sys.stdout.write(f"{record['decision_id']} {record['workflow'] or '-'}\n")
            sys.stdout.flush()

    await asyncio.gather(*(work() for _ in range(8)))
    journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
