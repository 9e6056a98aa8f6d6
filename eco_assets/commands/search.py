"""`eco search`: full-text search over everything that is written."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded

_DAYS = ["%Y-%m-%d"]


@guarded
def search(
    text: Annotated[
        list[str], typer.Argument(help='Words in any form, "a phrase", the beginning of a word as campan*, -word to leave out.')
    ],
    agent: Annotated[str | None, typer.Option("--agent", help="Pages about this agent; mega-agente too.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="A kind or how it begins, as relatorio_diario, registro, conjunto.")] = None,
    since: Annotated[datetime | None, typer.Option("--from", formats=_DAYS, help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=_DAYS, help="Last day.")] = None,
    folder: Annotated[list[Path] | None, typer.Option("--folder", help="Search this folder of Markdown too, such as docs.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="At most so many pages.")] = 10,
    as_json: Json = False,
) -> None:
    """Find pages (reports, decisions, models, data, plans), the best first; accents and forms of words do not matter."""
    from eco_assets.settings import Settings
    from notion_sync.search import Filters
    from notion_sync.search import search as find

    filters = Filters(agent, kind, since.date() if since else None, until.date() if until else None)
    hits = find(Settings.from_env(), " ".join(text), filters, limit=limit, folders=folder or (), is_fresh=True)
    if as_json:
        console.as_json([asdict(hit) for hit in hits])
        return
    for number, hit in enumerate(hits, start=1):
        console.say(f"{number}. {hit.title}{'' if hit.has_all else '  (not all words)'}")
        console.say(f"   {' · '.join(filter(None, (hit.kind, hit.agent, hit.day, str(Path(hit.folder, hit.path)))))}")
        console.say(f"   {hit.snippet}")
        console.say()
    console.say(f"{len(hits)} page(s)" + ("" if hits else "; try fewer or other words, or the beginning of one, as campan*"))
