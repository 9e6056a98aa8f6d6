"""What the graph shows of Jorge OS, as plain values: an agent's dead letters and queue now, and how a day's executions ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import NotFound
from eco_assets.jorge.dead_letters import last_record, listed, settle
from eco_assets.jorge.queues import load_queues, pressure

if TYPE_CHECKING:
    import pandas as pd

    from eco_assets.ledger import Ledger
    from eco_assets.platform import Platform

SHOWN = 20
_COLUMNS = {
    "workflow_id": "string",
    "decision_id": "string",
    "workflow": "string",
    "outcome": "string",
    "first_outcome": "string",
    "steps": "int64",
    "failed_step": "string",
    "duration_ms": "float64",
    "cost_brl": "float64",
    "started_at": "string",
    "finished_at": "string",
}


@dataclass(frozen=True)
class Letters:
    """An agent's dead letters, and how its queue stands: orders queued, age of the oldest in seconds, how full it is."""

    letters: list[dict[str, Any]]
    queued: int
    oldest_s: float
    allowed_s: float
    pressure: float

    @property
    def unseen(self) -> int:
        """How many nobody has acknowledged."""
        return sum(not letter["is_acknowledged"] for letter in self.letters)

    def table(self) -> str:
        """The first letters, in Markdown. Subjects stay out: they may be people."""
        if not self.letters:
            return "none"
        rows = [f"| {each['id'][:12]} | {each['as_of']} | {each['workflow']} | {_line(each['error'])} |" for each in self.letters[:SHOWN]]
        return "\n".join(["| id | day | workflow | error |", "|---|---|---|---|", *rows])


def dead_letters_of(platform: Platform, agent: str) -> Letters:
    """An agent's dead letters and queue; what requeued orders came to is recorded first."""
    from eco_assets.jorge.agents import WORKFLOWS
    from eco_assets.jorge.launch import open_port

    spec = load_queues(platform.settings.home)[agent]
    try:
        with open_port(platform.settings.jorge_target, WORKFLOWS) as port:
            settle(port, platform.ledger)
            letters, counted = listed(port, platform.ledger, agent), port.counts().get(agent, {})
    except NotFound:  # nothing was carried out yet
        letters, counted = [], {}
    queued = int(counted.get("queued", 0))
    return Letters(letters, queued, float(counted.get("oldest_s", 0.0)), spec.oldest_s, round(pressure(queued, spec), 4))


def outcome_rows(ledger: Ledger, agent: str, as_of: str) -> pd.DataFrame:
    """How the executions of a day ended, one row each; `outcome` is what a requeue came to, `first_outcome` what came before it."""
    import pandas as pd

    rows = []
    for record in ledger.list("execution", agent=agent, as_of=as_of):
        last = (last_record(ledger, record["workflow_id"]) if record["outcome"] == "failed" else None) or record
        failed = next((step["name"] for step in record["steps"] if step["outcome"] == "failed"), "")
        own = {name: last.get(name) for name in ("outcome", "cost_brl", "finished_at")}
        kept = {name: record.get(name) for name in ("workflow_id", "decision_id", "workflow", "duration_ms", "started_at")}
        rows.append({**kept, **own, "first_outcome": record["outcome"], "steps": len(record["steps"]), "failed_step": failed})
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _line(text: str) -> str:
    from eco_assets.jorge.doors.masking import shown

    return shown(text).replace("|", "/").replace("\n", " ")[:200]
