"""`eco knowledge`: bring the pages in line with what people did, take in what they said, and see what is open."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded
from eco_assets.commands.shared import platform as open_platform

app = typer.Typer(no_args_is_help=True, help="The pages that people read, correct and answer on: a folder, or Notion.")
SHOWN = 60  # characters of a text in a table


@app.command()
@guarded
def sync(
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only pages of this kind, such as relatorio; may be given again.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Read what people did, write what the machine has to say, and take in what was said."""
    from eco_assets.feedback import take_in

    platform = open_platform()
    report = platform.knowledge.sync(kinds=kind, dry_run=dry_run)
    numbers = {name: value for name, value in vars(report).items() if isinstance(value, int)}
    taken = None if dry_run else take_in(platform)
    if as_json:
        found = {"events": taken.added, "kinds": dict(taken.kinds), "results": dict(taken.results)} if taken else {}
        console.as_json({"sync": numbers, "taken_in": found})
        return _say_unsettled(report.unsettled)
    console.say(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items()))
    if taken is not None:
        results = ", ".join(f"{name} {count}" for name, count in sorted(taken.results.items()))
        console.say(f"{taken.added} new event(s) taken in{f': {results}' if results else ''}")
    return _say_unsettled(report.unsettled)


def _say_unsettled(pages: int) -> None:
    """A synchronisation that left pages out did not succeed, whatever it did to the others."""
    if pages:
        console.fail(f"{pages} page(s) are not in line: their place does not answer, or people are writing there. Synchronise again later")
        raise typer.Exit(1)


@app.command()
@guarded
def status(as_json: Json = False) -> None:
    """How the knowledge base stands: where it is, open conflicts, writes to make sure of, events that wait to be taken in."""
    from eco_assets.feedback import intake_of
    from eco_assets.jorge.approvers import approvers
    from notion_sync.webhooks import Inbox

    platform = open_platform()
    knowledge, conflicts = platform.knowledge, platform.knowledge.conflicts()
    people, settings = approvers(platform.settings).people, platform.settings
    found = {
        "place": f"Notion, below the page {settings.notion_parent}" if settings.notion_token else str(settings.knowledge),
        "open_conflicts": len(conflicts),
        "oldest_conflict_days": max((_days(conflict.at) for conflict in conflicts), default=0.0),
        "outbox": knowledge.outbox_size(),
        "events_waiting": intake_of(platform).pending(knowledge.events),
        "deliveries": len(Inbox(platform.settings.webhooks_db).after()),
        "approvers": len(people),
    }
    if settings.notion_token:  # a name alone is whatever its owner makes it
        found["approvers_known_by_name_only"] = ", ".join(person.name for person in people if not (person.email or person.notion)) or "none"
    if as_json:
        console.as_json(found)
        return
    console.table("Knowledge base", ("", ""), [(name.replace("_", " "), value) for name, value in found.items()])


@app.command()
@guarded
def conflicts(as_json: Json = False) -> None:
    """Where a person and the machine changed the same. The person's text stands; `resolve` closes one."""
    found = open_platform().knowledge.conflicts()
    if as_json:
        console.as_json([_plain(conflict) for conflict in found])
        return
    rows = [(c.id, c.page, c.key, f"{_days(c.at):.1f}", _short(c.before), _short(c.after)) for c in found]
    console.table(f"{len(rows)} open conflict(s)", ("id", "page", "block", "days", "the person's", "the machine's"), rows)


@app.command()
@guarded
def resolve(
    conflict: Annotated[int, typer.Argument(help="The conflict's id, as `eco knowledge conflicts` shows it.")],
    keep: Annotated[str, typer.Option("--keep", help="Whose text stays: person or machine.")],
) -> None:
    """Close a conflict: keep the person's text for good, or put the machine's in its place."""
    open_platform().knowledge.resolve(conflict, keep)
    console.say(f"conflict {conflict} is closed; the {keep}'s text stays")


@app.command()
@guarded
def restore(page: Annotated[str, typer.Argument(help="The page's path, such as relatorios/2026-11-22/varejo.md.")]) -> None:
    """Let a page that somebody deleted be made again; without this, what people delete stays deleted."""
    open_platform().knowledge.restore(page)
    console.say(f"{page} is made again")


@app.command()
@guarded
def events(
    after: Annotated[int, typer.Option("--after", min=0, help="Only events after this number.")] = 0,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind, such as commented.")] = None,
    page: Annotated[str | None, typer.Option("--page", help="Only pages whose path begins so.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """What people did on the pages, oldest first; personal data is masked."""
    from notion_sync.feedback.events import typed

    every = [typed(noted) for noted in open_platform().knowledge.events(after)]
    found = [event for event in every if kind in (None, event.kind) and event.page.startswith(page or "")][-limit:]
    if as_json:
        console.as_json([event.model_dump(mode="json") for event in found])
        return
    rows = [
        (e.seq, e.at.isoformat(timespec="minutes")[:16], e.kind, e.page, e.key, e.who, _short(e.before), _short(e.after)) for e in found
    ]
    console.table(f"{len(rows)} event(s)", ("", "at", "what", "page", "where", "who", "before", "after"), rows)


@app.command()
@guarded
def webhook() -> None:
    """Show, once, the verification token that Notion sent to /v1/notion/webhook, and what to do with it."""
    from notion_sync.webhooks import Handshake

    settings = open_platform().settings
    token = Handshake(settings.webhook_handshake).take()
    if token is None:
        state = "a token is set" if settings.notion_webhook_token else "no token is set"
        console.say(f"{state}, and no new one waits. Enter https://YOUR-HOST/v1/notion/webhook in the integration's Webhooks tab first.")
        return
    console.say(token)
    console.say(
        "Paste it into Notion's dialog, set it as ECO_NOTION_WEBHOOK_TOKEN and start `eco serve` again. It is not shown a second time."
    )


def _days(at: datetime) -> float:
    return round((datetime.now(UTC) - at).total_seconds() / 86_400, 2)


def _short(value: Any) -> str:
    text = " ".join(str(value or "").split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _plain(conflict: Any) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(conflict).items()}
