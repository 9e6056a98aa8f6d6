"""`eco worker`: the resident process that carries orders out, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import guarded, known_agent, quiet
from eco_assets.commands.shared import platform as open_platform


@guarded
def worker(
    agent: Annotated[list[str] | None, typer.Option("--agent", help="Serve only this agent's queue; may be given again.")] = None,
    is_once: Annotated[bool, typer.Option("--once", help="End when nothing waits any more.")] = False,
) -> None:
    """Carry out queued orders; on Postgres (ECO_JORGE_URL) any number of workers share the work, on any number of hosts."""
    from eco_assets.jorge.agents import WORKFLOWS
    from eco_assets.jorge.worker import work

    platform, stop = open_platform(), threading.Event()
    agents = [known_agent(name) or name for name in agent] if agent else None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = platform.settings
    console.say(f"serving {', '.join(agents) if agents else 'every agent'}; SIGTERM drains")
    with quiet():
        pause_s = settings.steps_slow_ms / 1000
        taken = work(
            settings.jorge_target, WORKFLOWS, platform.world, stop, agents=agents, home=settings.home, is_once=is_once, pause_s=pause_s
        )
    console.say(f"ended; took over {taken} orders of dead workers" if taken else "ended")
