"""What people say about model versions, and which ones may decide: tags of MLflow, so that a reviewer needs MLflow's own pages only.

A version that the gate found better carries `review` = `pending`. A reviewer sets it to `approved` or `rejected` on the version's page, or
moves the alias `champion`; `settle` makes either of them true. `eco models` does the same from the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from eco_assets.errors import NotFound

CHAMPION = "champion"
REVIEW, PENDING, APPROVED, REJECTED, WITHDRAWN = "review", "pending", "approved", "rejected", "withdrawn"
PROMOTED_AT, BY, WHY = "promoted_at", "reviewed_by", "why"  # why: the gate's words
SAID = "review_why"  # the reviewer's
UI = "MLflow UI"  # who answered, where MLflow does not tell us
GATE = "gate"  # what let a version decide that nobody has answered


@dataclass(frozen=True)
class Review:
    """A version, why the gate judged it so, and what a person `said`.

    `status`: `pending` (one that took the place of a champion that cannot be loaded decides meanwhile), `rejected`, `withdrawn`,
    `champion`, `promoted` or `not better`.
    """

    name: str
    version: str
    status: str
    as_of: date
    by: str
    why: str
    said: str
    run_id: str


@dataclass(frozen=True)
class Settled:
    """An answer that was carried out: `verdict` is `approved`, `rejected` or `withdrawn`."""

    name: str
    version: str
    verdict: str
    by: str
    why: str


def is_promoted(version: Any) -> bool:
    """Whether a version may decide."""
    return PROMOTED_AT in version.tags and version.tags.get(REVIEW) not in (REJECTED, WITHDRAWN)


def versions(client: Any, name: str) -> list[Any]:
    """All versions of a model, oldest first."""
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda version: int(version.version))


def promoted(client: Any, name: str) -> list[Any]:
    """The versions that may decide."""
    return [version for version in versions(client, name) if is_promoted(version)]


def promote(client: Any, name: str, version: str, *, by: str) -> None:
    """Let a version decide; it becomes the champion unless one has learned from later days."""
    for tag, value in ((PROMOTED_AT, datetime.now(UTC).isoformat(timespec="seconds")), (BY, by)):
        client.set_model_version_tag(name, version, tag, value)
    _crown(client, name)


def answer(client: Any, name: str, version: str, verdict: str, *, by: str, why: str = "") -> Settled:
    """A person's answer to a version: `approved` lets it decide, `rejected` and `withdrawn` not (any more); the one before it then does.

    Raises:
        NotFound: there is no such version.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.get_model_version(name, version)
    except MlflowException as error:
        raise NotFound(f"model {name!r} has no version {version}; `eco models list` shows them") from error
    client.set_model_version_tag(name, version, REVIEW, verdict)
    if why:
        client.set_model_version_tag(name, version, SAID, why)
    if verdict == APPROVED:
        promote(client, name, version, by=by)
        client.set_registered_model_alias(name, CHAMPION, version)
    else:
        client.set_model_version_tag(name, version, BY, by)
        _crown(client, name, without=version)
    return Settled(name, version, verdict, by, why)


def settle(client: Any, name: str) -> list[Settled]:
    """Carry out what reviewers did on MLflow's pages since the last time; doing it again changes nothing."""
    known = versions(client, name)
    if not known:
        return []
    done = []
    alias = client.get_registered_model(name).aliases.get(CHAMPION)
    for version in known:
        said, is_new = version.tags.get(REVIEW), PROMOTED_AT not in version.tags
        number, by = str(version.version), version.tags.get(BY, UI)
        is_unanswered = is_new or by == GATE
        told = {"by": UI if by == GATE else by, "why": version.tags.get(SAID, "")}
        if (is_unanswered and said == APPROVED) or (is_new and number == str(alias) and said not in (REJECTED, WITHDRAWN)):
            done.append(answer(client, name, number, APPROVED, **told))
        elif said in (REJECTED, WITHDRAWN) and (BY not in version.tags or by == GATE or number == str(alias)):
            done.append(answer(client, name, number, said, **told))
    return done


def reviews(client: Any, name: str) -> list[Review]:
    """Every version with what was said of it, newest first."""
    known = versions(client, name)
    alias = str(client.get_registered_model(name).aliases.get(CHAMPION)) if known else ""
    return [_review(version, alias) for version in reversed(known)]


def _review(version: Any, champion: str) -> Review:
    said, number = version.tags.get(REVIEW, ""), str(version.version)
    status = said if said in (PENDING, REJECTED, WITHDRAWN) else "promoted" if is_promoted(version) else "not better"
    status = "champion" if number == champion and is_promoted(version) and said != PENDING else status
    as_of = date.fromisoformat(version.tags["as_of"])
    by, why, words = (version.tags.get(tag, "") for tag in (BY, WHY, SAID))
    return Review(version.name, number, status, as_of, by, why, words, version.run_id)


def _crown(client: Any, name: str, without: str = "") -> None:
    """Give the alias to the version in force that learned up to the latest day; take it away where none is in force."""
    best = max(promoted(client, name), key=lambda version: (version.tags["as_of"], int(version.version)), default=None)
    if best is not None:
        client.set_registered_model_alias(name, CHAMPION, best.version)
    elif without:
        client.delete_registered_model_alias(name, CHAMPION)
