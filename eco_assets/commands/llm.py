"""`eco llm`: who answers the questions of policies, what that cost today, and a local model behind OpenAI's API."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded
from eco_assets.commands.shared import platform as open_platform

app = typer.Typer(no_args_is_help=True, help="Language models: which are configured and open, and a local one that is served here.")
DEFAULT_PORT = 8089


@app.command()
@guarded
def serve(
    port: Annotated[int, typer.Option(help="Port of loopback; 0 takes a free one.")] = DEFAULT_PORT,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the CPU.")] = 1,
) -> None:
    """Serve the packaged SmolLM2 by OpenAI's API on this machine until it is interrupted (extra `local-model`)."""
    from eco_assets.mcp.gateway.local_server import MODEL_NAME, local_server

    with local_server(port, threads) as url:
        console.say(f"{MODEL_NAME} answers at {url}; in another terminal: export ECO_LLM_BASE_URL={url} ECO_LLM_MODEL={MODEL_NAME}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            console.say("stopped")


@app.command()
@guarded
def learn() -> None:
    """Learn from recorded outcomes which model suffices for which question; gateways that are opened later route by it."""
    from eco_assets.mcp.gateway.routing_log import learn as fit
    from eco_assets.mcp.policies import load_policies

    platform = open_platform()
    count = fit(platform.ledger, load_policies(), platform.settings.gateway)
    console.say(f"learnt from {count} answers whose decisions have outcomes; a running service takes it at its next start")


@app.command()
@guarded
def status(as_json: Json = False) -> None:
    """The models that are configured, those that are shut off just now and why, and what was spent today."""
    gateway = open_platform().gateway
    try:
        found = gateway.status()
    finally:
        gateway.close()
    if as_json:
        console.as_json(found)
        return
    shut = found.get("open_breakers", {})
    rows = [(model, f"shut off: {shut[model]['reason']}" if model in shut else "open to questions") for model in found["models"]]
    console.table(f"{len(rows)} models, {len(found['heads'])} local heads", ("model", "state"), rows)
    console.say(f"spent today: US$ {found.get('spent_micro_usd', 0) / 1_000_000:.6f}")
