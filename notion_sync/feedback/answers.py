"""What an event on an approval page comes to: an answer that counts, an outcome, or a refusal that the page then tells.

An answer counts when a listed person gave it and the page still says exactly what was proposed. Whether the decision may still be
answered is `eco_assets/jorge/approvals.py`'s. Settling an event again gives what it gave before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eco_assets.errors import LedgerError, NotFound, PermanentError
from eco_assets.jorge import approvals
from eco_assets.jorge.accounts import account_in
from eco_assets.jorge.approvers import Approvers
from eco_assets.ledger import Ledger
from eco_assets.mcp.outcomes import Outcome, record_outcomes
from notion_sync.approval_pages import BY, EARNED, HUMAN, PROPOSED, STATUS, WHY, answer_in, proposed_on
from notion_sync.feedback.events import identity, typed
from notion_sync.sync.store import Event as Noted

Settled = Literal["approved", "rejected", "outcome", "refused", "noted"]
REJECTED_EARNS, TOLD = "rejeitada por uma pessoa", "resultado informado"
_NUMBER = re.compile(r"-?\d{1,3}(\.\d{3})*(,\d+)?|-?\d+([.,]\d+)?")


@dataclass(frozen=True)
class Settlement:
    """What came of one event: `told` is for readers of the page, in Portuguese, `why` for the record."""

    result: Settled = "noted"
    told: str = ""
    why: str = ""
    decision_id: str = ""


NOTHING = Settlement()


@dataclass
class PageState:
    """A page as its events tell it: what people filled in, by whom the status was set, and blocks that differ from what was proposed.

    An answer given on an altered page is void for good: whoever gave it saw something else, and putting the text back does not make
    them have seen the proposal. The status must be set again.
    """

    values: dict[str, Any] = field(default_factory=lambda: dict(HUMAN))
    who: str = ""
    altered: set[str] = field(default_factory=set)
    is_void: bool = False

    @classmethod
    def of(cls, events: Iterable[Noted]) -> PageState:
        """From all events of one page, in their order."""
        state = cls()
        for event in events:
            state._follow(event)
        return state

    def _follow(self, event: Noted) -> None:
        if event.key in HUMAN and event.kind in ("status_changed", "changed", "edited"):
            self.values[event.key] = event.after
            if event.key == STATUS:
                self.who, self.is_void = event.who, bool(self.altered)
        elif event.kind in ("edited", "deleted", "conflict", "changed"):
            self.altered.add(event.key)
            self.is_void = True
        elif event.kind in ("restored", "accepted"):
            self.altered.discard(event.key)

    @property
    def claimed(self) -> str:
        """Who says in «Respondido por» that they answer."""
        return str(self.values[BY] or "").strip()


class Answers:
    """Settles events.

    Args:
        ledger: where answers and outcomes go.
        people: who may answer. While nobody is listed, no answer on a page counts.
        has_accounts: the pages are in a workspace that knows its people. There the account that set the status answers, known by
            address or user id; in a folder the name that somebody filled in does.
    """

    def __init__(self, ledger: Ledger, people: Approvers, *, has_accounts: bool = False) -> None:
        self._ledger, self._people, self._has_accounts = ledger, people, has_accounts

    def settle(self, event: Noted, page: PageState) -> Settlement:
        """What comes of an event, with the state of its page after everything that is known."""
        proposed = proposed_on(event.page)
        if proposed is None:
            return NOTHING
        try:
            decision = self._ledger.get("decision", proposed[0])
        except NotFound:
            return Settlement("refused", "esta decisão não existe neste ambiente.", f"no decision begins with {proposed[0]}")
        if event.key == EARNED:
            return self._earned(event, decision, page)
        return self._answered(event, decision, proposed[1], page)

    def _answered(self, event: Noted, decision: Mapping[str, Any], content: str, page: PageState) -> Settlement:
        identity_of, via = str(decision["decision_id"]), f"feedback:{identity(event)}"
        if self._ledger.holds(approvals.KIND, identity_of):
            given = self._ledger.get(approvals.KIND, identity_of)
            if given.get("via") != via:
                return Settlement(decision_id=identity_of)
            return self._counted(event, identity_of, given["verdict"])  # it was recorded, and the process died before saying so
        verdict = answer_in(page.values[STATUS])
        if verdict is None:
            return Settlement(decision_id=identity_of)
        refusal = self._refusal(decision, page)
        if refusal is not None:
            return Settlement("refused", *refusal, identity_of)
        why = typed_text(page.values[WHY])
        person = self._person(page.who, page)
        try:
            approvals.answer(self._ledger, identity_of, verdict, person, content, "notion", why, people=self._people, via=via)
        except LedgerError:
            raise
        except PermanentError as error:
            told = "a decisão não espera mais resposta: expirou, foi substituída ou já foi respondida."
            return Settlement("refused", told, str(error), identity_of)
        return self._counted(event, identity_of, verdict)

    def _refusal(self, decision: Mapping[str, Any], page: PageState) -> tuple[str, str] | None:
        """Why an answer does not count, for readers and for the record."""
        if page.altered or page.is_void:
            told = f"o texto da página foi alterado. Desfaça a alteração, volte «{STATUS}» a {PROPOSED} e responda de novo."
            return told, f"altered on the page: {', '.join(sorted(page.altered)) or 'put back since, after the answer'}"
        return self._unlisted(decision, self._person(page.who, page))

    def _person(self, who: str, page: PageState) -> str:
        """Who speaks: an account where the workspace has them, and nothing else there; else whoever the page names. "" for nobody."""
        return (who if account_in(who) else "") if self._has_accounts else who or page.claimed

    def _unlisted(self, decision: Mapping[str, Any], person: str) -> tuple[str, str] | None:
        if self._people.is_open:
            return "ninguém está autorizado a responder por páginas neste ambiente (ECO_APPROVERS).", "nobody is listed in ECO_APPROVERS"
        if not person and self._has_accounts:
            return f"não se sabe que conta respondeu. Volte «{STATUS}» a {PROPOSED} e responda de novo.", "the account is not known"
        if not person:
            return f"falta dizer quem responde, em «{BY}».", "the answer names no person"
        account = account_in(person)
        if account is not None and account.is_bot:
            return f"{account.shown} é uma integração, e só pessoas respondem.", f"{account.shown} is no person"
        try:
            self._people.admit(person, dict(decision))
        except PermanentError as error:
            return f"{account.shown if account else person} não pode responder por esta decisão.", str(error)
        return None

    def _counted(self, event: Noted, decision_id: str, verdict: str) -> Settlement:
        """A decision that a person rejected earned nothing and cost nothing: what policies are estimated by must know it."""
        if verdict == approvals.REJECTED:
            record_outcomes(self._ledger, [Outcome(decision_id, 0.0, typed(event).at, REJECTED_EARNS)])
            return Settlement("rejected", decision_id=decision_id)
        return Settlement("approved", decision_id=decision_id)

    def _earned(self, event: Noted, decision: Mapping[str, Any], page: PageState) -> Settlement:
        identity_of, amount = str(decision["decision_id"]), reais(event.after)
        if amount is None:
            if not event.after.strip():
                return Settlement(decision_id=identity_of)
            return Settlement("refused", f"«{EARNED}» não é um valor em reais.", "the outcome is no amount", identity_of)
        unlisted = self._unlisted(decision, self._person(event.who, page))
        if unlisted is not None:
            return Settlement("refused", *unlisted, identity_of)
        source = TOLD
        if self._ledger.holds("outcome", f"{identity_of}/{TOLD}"):
            told = self._ledger.get("outcome", f"{identity_of}/{TOLD}")["reward_brl"]
            source = TOLD if told == round(amount, 2) else f"{TOLD} {identity(event)[:8]}"  # a correction is a source of its own
        record_outcomes(self._ledger, [Outcome(identity_of, amount, typed(event).at, source)])
        return Settlement("outcome", decision_id=identity_of)


def typed_text(value: object) -> str:
    """What a person wrote, as one line for the record."""
    return " ".join(str(value or "").split())[:500]


def reais(text: str) -> float | None:
    """An amount as Brazilians write it (`R$ 1.234,56`) or as programs do (`1234.56`); None for anything else."""
    bare = text.replace("R$", "").replace("\N{NO-BREAK SPACE}", "").replace(" ", "").strip()
    if not _NUMBER.fullmatch(bare):
        return None
    is_grouped = "," in bare or bare.count(".") > 1 or re.search(r"\.\d{3}$", bare) is not None
    return float(bare.replace(".", "").replace(",", ".") if is_grouped else bare)
