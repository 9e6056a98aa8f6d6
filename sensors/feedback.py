"""Asks for the knowledge base to be brought in line: when Notion delivered something, a page's file changed, or it is time to look.

Polling is the base and finds everything; deliveries and files are only quicker. What to do is decided by `plan`, a pure function; the
run's key is made of what was seen, so a tick that is killed and repeated asks for the same run. A run that failed is asked for again.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import dagster as dg
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from eco_assets.defs.knowledge import JOB
from eco_assets.platform import Platform
from notion_sync.approval_pages import FOLDER
from notion_sync.feedback.events import identity
from notion_sync.feedback.intake import KIND
from notion_sync.webhooks import Inbox
from resources.platform import PlatformResource

Outcome = Literal["missing", "running", "failed", "done"]
TAG = "eco/knowledge"  # of a run: its key, by which the next tick finds it
RETRY_S = (60.0, 300.0, 1_800.0)  # pauses before a run that failed is asked for again; the next poll asks anew anyhow


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Seen:
    """What there is: the newest delivery, the newest event that was noted and not taken in, and a fingerprint of the approval pages."""

    delivery: int = 0
    event: int = 0
    files: str = ""


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Cursor:
    """What was asked for, under which key, when, and how often it was asked again."""

    seen: Seen = Seen()
    asked: str = ""
    asked_at: float = 0.0
    attempt: int = 0

    def dumps(self) -> str:
        """As text, for Dagster to keep."""
        return _CURSOR.dump_json(self).decode()


_CURSOR = TypeAdapter(Cursor)


@dataclass(frozen=True)
class Plan:
    """What a tick does: the key of the run to ask for, and why, or why none is."""

    run_key: str
    reason: str
    cursor: Cursor


def plan(cursor: Cursor, seen: Seen, outcome: Callable[[str], Outcome], now: float, poll_s: float) -> Plan:
    """Ask for a run when something is new, when it is time to look, or when the last one failed.

    Args:
        cursor: what was asked for.
        seen: what there is.
        outcome: how the run of a key stands.
        now: seconds since 1970.
        poll_s: after how many seconds it is looked without a reason.
    """
    last = outcome(cursor.asked) if cursor.asked else "done"
    if last == "running":
        return Plan("", f"the run {cursor.asked} is not done yet", cursor)
    if last in ("failed", "missing") and seen == cursor.seen:
        return _again(cursor, now, poll_s)
    why = _why(cursor, seen, now, poll_s)
    if not why:
        return Plan("", "nothing new on the pages", cursor)
    key = f"{seen.delivery}:{seen.event}:{seen.files}:{int(now // poll_s)}"
    return Plan(key, why, Cursor(seen, key, now, 0))


def _again(cursor: Cursor, now: float, poll_s: float) -> Plan:
    if cursor.attempt < len(RETRY_S):
        pause = RETRY_S[cursor.attempt]
        key = f"{cursor.asked.split('#')[0]}#{cursor.attempt + 1}"
        following = Cursor(cursor.seen, key, now, cursor.attempt + 1)
    else:
        pause = max(poll_s, RETRY_S[-1])
        key = f"{cursor.asked.split('#')[0]}#{int(now)}"
        following = Cursor(cursor.seen, key, now, cursor.attempt)
    if now < cursor.asked_at + pause:
        return Plan("", f"the run {cursor.asked} did not succeed; it is asked for again later", cursor)
    return Plan(key, "the last run did not succeed", following)


def _why(cursor: Cursor, seen: Seen, now: float, poll_s: float) -> str:
    told = cursor.seen
    if seen.delivery > told.delivery:
        return "Notion delivered something"
    if seen.event > told.event:
        return "an event was noted"
    if seen.files != told.files:
        return "a page's file changed"
    return "it is time to look" if now >= cursor.asked_at + poll_s else ""


@dg.sensor(
    name="feedback",
    job_name=JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in what people said on the pages: soon after a webhook or a changed file, and regularly without either.",
)
def feedback(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
    """One tick."""
    engines = platform.get()
    settings, cursor = engines.settings, _cursor(context)
    deliveries = Inbox(settings.webhooks_db).after(cursor.seen.delivery)
    seen = Seen(
        max((each.seq for each in deliveries), default=cursor.seen.delivery),
        _newest_unread(engines, cursor.seen.event),
        fingerprint(settings.knowledge / FOLDER),
    )
    todo = plan(cursor, seen, lambda key: _outcome(context.instance, key), time.time(), settings.knowledge_poll_s)
    if not todo.run_key:
        return dg.SensorResult(skip_reason=todo.reason, cursor=todo.cursor.dumps())
    request = dg.RunRequest(run_key=todo.run_key, tags={TAG: todo.run_key, "eco/reason": todo.reason})
    return dg.SensorResult(run_requests=[request], cursor=todo.cursor.dumps())


def _newest_unread(engines: Platform, after: int) -> int:
    """The newest noted event, or `after` where it was taken in: a run takes in what it notes itself."""
    noted = engines.knowledge.events(after)
    return after if not noted or engines.ledger.holds(KIND, identity(noted[-1])) else noted[-1].id


def fingerprint(folder: Path) -> str:
    """Changes when a page in a folder does: names, sizes and times of its files, none of them read."""
    digest = hashlib.sha256()
    pages = [path for path in folder.rglob("*.*") if path.suffix in (".md", ".jsonl")] if folder.exists() else []  # and their comments
    for path in sorted(pages):
        found = path.stat()
        digest.update(f"{path.relative_to(folder)}\x1f{found.st_size}\x1f{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _cursor(context: dg.SensorEvaluationContext) -> Cursor:
    try:
        return _CURSOR.validate_json(context.cursor) if context.cursor else Cursor()
    except ValidationError as error:
        context.log.warning(f"cannot read the cursor, so everything is looked at once more, which repeats nothing: {error}")
        return Cursor()


def _outcome(instance: dg.DagsterInstance, key: str) -> Outcome:
    runs = instance.get_runs(dg.RunsFilter(tags={TAG: key}), limit=1)
    if not runs:
        return "missing"
    return "running" if not runs[0].is_finished else "done" if runs[0].is_success else "failed"


__all__ = ["Cursor", "Plan", "Seen", "feedback", "fingerprint", "plan"]
