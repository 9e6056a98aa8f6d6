"""Who may answer approvals: people listed in `ECO_APPROVERS` or in the home's `approvers.yaml`.

While nobody is listed, whoever answers is recorded by the name given, and the answer says that it was not checked.
In Notion everybody may call themselves what they like, so there a person is known by address or user id, never by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from eco_assets.errors import ConfigError, PermanentError
from eco_assets.jorge.accounts import PERSON, Account, account_id, account_in
from eco_assets.settings import AGENTS

if TYPE_CHECKING:
    from eco_assets.settings import Settings

FILE = "approvers.yaml"
KNOWN = (*AGENTS, "mega")
_ENTRY = re.compile(r"^\s*(?P<name>[^<>:,]+?)\s*(?:<(?P<known_by>[^<>]+)>)?\s*(?::\s*(?P<agents>[a-z+*\s]+))?$")
_ADDRESS = re.compile(r"[^<>\s]+@[^<>\s]+")
_NOTION = f"{PERSON}:"


class Approver(BaseModel):
    """A person, whose decisions that person may answer, and up to which cost of one (in BRL; None is any).

    `notion`: the person's user id in Notion, for accounts whose address the integration does not see.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    email: str = ""
    notion: str = ""
    agents: tuple[str, ...] = KNOWN
    up_to_brl: float | None = Field(default=None, ge=0)

    @field_validator("notion")
    @classmethod
    def _in_one_form(cls, told: str) -> str:
        return account_id(told.removeprefix(_NOTION)) if told.strip() else ""

    def is_called(self, who: str) -> bool:
        """Whether `who` is this person's name, address, or both as `Name <address>`; of an account only address and id count."""
        account = account_in(" ".join(who.split()))
        if account is not None:
            return self.owns(account)
        told = " ".join(who.split()).casefold()
        own = {self.name.casefold(), f"{self.name} <{self.email}>".casefold(), self.email.casefold()}
        return bool(told) and told in own

    def owns(self, account: Account) -> bool:
        """Whether an account of Notion's is this person's."""
        is_known_by_address = bool(self.email) and account.email.casefold() == self.email.casefold()
        return not account.is_bot and (is_known_by_address or self.notion == account.id)


@dataclass(frozen=True)
class Approvers:
    """The listed people; an empty list lets everybody answer."""

    people: tuple[Approver, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nobody is listed."""
        return not self.people

    def admit(self, who: str, decision: dict[str, Any]) -> str:
        """The name that an answer is recorded under.

        Raises:
            PermanentError: no name, not listed, not for this agent, or the decision costs more than that person may approve.
        """
        told = " ".join(who.split())
        if not told:
            raise PermanentError("an answer needs the name of the person who gives it: --by NAME")
        if self.is_open:
            return told
        agent, cost = decision["agent"], float(decision.get("cost_brl") or 0.0)
        found = next((person for person in self.people if person.is_called(told)), None)
        if found is None:
            account = account_in(told)
            shown = account.shown if account else told
            raise PermanentError(f"{shown} is not listed in ECO_APPROVERS or {FILE}; for {agent} these may answer: {self._of(agent)}")
        if agent not in found.agents:
            raise PermanentError(f"{found.name} may not answer for {agent}; these may: {self._of(agent)}")
        if found.up_to_brl is not None and cost > found.up_to_brl:
            raise PermanentError(f"{found.name} may answer for up to R$ {found.up_to_brl:,.2f}; this costs R$ {cost:,.2f}")
        return found.name

    def _of(self, agent: str) -> str:
        return ", ".join(person.name for person in self.people if agent in person.agents) or "nobody"


def approvers(settings: Settings) -> Approvers:
    """The people of an installation: `ECO_APPROVERS`, else the home's `approvers.yaml`, else nobody in particular.

    Raises:
        ConfigError: an entry is malformed or names an agent that there is not.
    """
    if settings.approvers:
        return _checked([_parsed(text) for text in settings.approvers.split(",") if text.strip()], "ECO_APPROVERS")
    path = settings.home / FILE
    return _checked(_read(path), str(path)) if path.exists() else Approvers()


def _parsed(text: str) -> dict[str, Any]:
    found = _ENTRY.match(text)
    if found is None:
        raise ConfigError(f"ECO_APPROVERS: {text.strip()!r} is not `Name <address notion:USER-ID>:agent+agent`; commas separate people")
    told: dict[str, Any] = {"name": found["name"].strip()}
    for part in (found["known_by"] or "").split():
        member = "notion" if part.startswith(_NOTION) else "email"
        if member in told or (member == "email" and not _ADDRESS.fullmatch(part)):
            raise ConfigError(f"ECO_APPROVERS: {part!r} of {text.strip()!r} is no address and no `notion:USER-ID`, or one too many")
        told[member] = part
    if found["agents"] and found["agents"].strip() != "*":
        told["agents"] = tuple(part.strip() for part in found["agents"].split("+"))
    return told


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    people = held.get("approvers") if isinstance(held, dict) else None
    if not isinstance(people, list) or not people:  # an empty list would silently let everybody answer
        raise ConfigError(f"{path} must hold `approvers:`, a list of people with name, email, agents, up_to_brl; delete it to list nobody")
    return people


def _checked(entries: list[dict[str, Any]], source: str) -> Approvers:
    try:
        people = tuple(Approver.model_validate(entry) for entry in entries)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{source}: {'.'.join(map(str, first['loc'])) or 'an entry'}: {first['msg']}") from error
    unknown = sorted({agent for person in people for agent in person.agents} - set(KNOWN))
    if unknown:
        raise ConfigError(f"{source}: no agent {unknown[0]!r}; the known ones are {', '.join(KNOWN)}")
    called = [name.casefold() for person in people for name in {person.name, person.email, person.notion} - {""}]
    if len(called) != len(set(called)):
        raise ConfigError(f"{source}: a name, an address or a user id occurs twice")
    return Approvers(people)
