"""`eco serve`, `eco mcp` and `eco keys`: the decision layer's doors, and who may come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded
from eco_assets.commands.shared import platform as open_platform

if TYPE_CHECKING:
    from eco_assets.mcp.service.keys import Keys

keys_app = typer.Typer(no_args_is_help=True, help="API keys of `eco serve`: made, listed, revoked. Only hashes are kept.")


@guarded
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; without an API key only a loopback one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port.")] = 8700,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
) -> None:
    """Serve decisions over HTTP and the Model Context Protocol until SIGTERM or Ctrl-C."""
    from eco_assets.mcp.service.app import Front, build
    from eco_assets.mcp.service.server import serve as run
    from eco_assets.mcp.service.state import Service, open_keys
    from eco_assets.mcp.service.tools import tools_for
    from resources.assets import open_assets

    platform = open_platform()
    if not open_keys(platform).is_configured:
        console.say(f"No API key is configured: only this machine may call, on {host}. `eco keys new NAME --scope decide` makes one.")
    console.say(f"http://{host}:{port}/docs, tools at http://{host}:{port}/mcp, {workers} worker(s); Ctrl-C ends it")

    def make() -> Front:
        service = Service(open_platform(), open_assets(platform.settings))
        return build(service, tools=tools_for(service), host=host)

    run(platform, make, host=host, port=port, workers=workers)


@guarded
def mcp() -> None:
    """Serve the Model Context Protocol on standard input and output, for a client that starts this command."""
    from eco_assets.mcp.service.state import Service
    from eco_assets.mcp.service.tools import run_stdio
    from resources.assets import open_assets

    platform = open_platform()
    run_stdio(Service(platform, open_assets(platform.settings)))


@keys_app.command("new")
@guarded
def new(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; may be given several times.")],
    per_minute: Annotated[int, typer.Option(min=1, help="Calls a minute, all workers together.")] = 60_000,
    print_hash: Annotated[bool, typer.Option("--print-hash", help="Also print the entry for ECO_API_KEYS.")] = False,
) -> None:
    """Make a key. It is shown once."""
    key, secret = _keys().new(name, scope, per_minute)
    console.say(secret)
    console.say(f"key {key.id} of {name}: {', '.join(key.scopes)}; kept nowhere, so keep it now")
    if print_hash:
        console.say(f"{name}:{'+'.join(key.scopes)}:{key.sha256}")


@keys_app.command("list")
@guarded
def list_keys(as_json: Json = False) -> None:
    """Every key, without what would let anybody in."""
    held = [
        {
            "id": key.id,
            "name": key.name,
            "scopes": list(key.scopes),
            "per_minute": key.per_minute,
            "made": key.created_at,
            "revoked": key.revoked_at,
        }
        for key in _keys().all()
    ]
    if as_json:
        console.as_json(held)
        return
    shown = ("id", "name", "scopes", "per_minute", "made", "revoked")
    console.table(
        f"{len(held)} keys", shown, [tuple(", ".join(v) if isinstance(v, list) else str(v) for v in one.values()) for one in held]
    )


@keys_app.command("revoke")
@guarded
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as `eco keys list` shows it.")]) -> None:
    """Make a key useless; every worker knows within a second."""
    key = _keys().revoke(key_id)
    console.say(f"{key.id} of {key.name} is revoked")


def _keys() -> Keys:
    from eco_assets.mcp.service.state import open_keys

    return open_keys(open_platform())
