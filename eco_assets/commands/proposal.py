"""`eco proposal`: the proposal that a decision makes to a customer."""

from __future__ import annotations

from typing import Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import RequestRefused


@guarded
def proposal(
    decision_id: Annotated[str, typer.Argument(help="A decision's id, or a prefix of it.")],
    draft: Annotated[bool, typer.Option("--draft", help="Also of a decision that was not carried out yet.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Put the page, with its internal note, into the knowledge base.")] = False,
    as_json: Json = False,
) -> None:
    """What the customer of a decision reads, as Markdown; only of what was carried out, unless it is a draft."""
    from notion_sync.documents.markdown_writer import to_markdown
    from notion_sync.proposal_pages import carried_out
    from notion_sync.proposal_templates import required_template
    from notion_sync.proposals import customer_text
    from notion_sync.proposals import proposal as page_of

    engines = open_platform()
    decision = engines.ledger.get("decision", decision_id)
    required_template(decision)
    executions = engines.ledger.list("execution", agent=decision["agent"], as_of=decision["as_of"])
    if not draft and not carried_out([decision], executions):
        raise RequestRefused(
            f"decision {decision['decision_id'][:12]} was not carried out to its end; `--draft` shows what it would propose"
        )
    if publish and draft:
        raise RequestRefused("a draft is not published: carry the decision out first")
    page = page_of(decision)
    shown = engines.workspace.publish(page.path, page.document, page.images) if publish else None
    text = to_markdown(customer_text(decision))
    if as_json:
        console.as_json({"path": page.path, "properties": dict(page.document.properties), "text": text, "is_published": shown is not None})
        return
    typer.echo(f"published: {shown.path}" if shown else text)  # Markdown: no line may be broken to the terminal's width
