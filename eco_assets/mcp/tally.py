"""What decision points have committed to on a day, kept up to date from the ledger's tail. One process's view, inside a write transaction.

A decision that a newer one about the same subject replaces commits to nothing, unless it was carried out: as in `batch.py`.
"""

from __future__ import annotations

import msgspec

from eco_assets.ledger import Tail
from eco_assets.mcp.engine import Spent

_KINDS = ("decision", "execution")
_DAYS = 64  # tallies kept at most; the oldest is read anew when it is asked for again


class _Decision(msgspec.Struct):
    point: str
    subject: str
    workflow: str | None
    cost_brl: float


class _Execution(msgspec.Struct):
    decision_id: str


_DECISION, _EXECUTION = msgspec.json.Decoder(_Decision), msgspec.json.Decoder(_Execution)


class Tally:
    """One decision point's day. Money is counted in cents, so that it adds up whatever the order."""

    def __init__(self) -> None:
        self._cents: dict[str, int] = {}  # of decisions that act, by id
        self._standing: dict[str, str] = {}  # the newest decision by subject
        self._executed: dict[str, int] = {}  # actions carried out, by subject
        self._subjects: dict[str, str] = {}
        self._done: set[str] = set()
        self._actions = self._total = 0

    def add(self, decision_id: str, subject: str, workflow: str | None, cost_brl: float) -> None:
        """A newer decision about a subject."""
        self._forgo(self._standing.get(subject))
        self._standing[subject] = decision_id
        if workflow is not None:
            self._cents[decision_id], self._subjects[decision_id] = round(cost_brl * 100), subject
            self._count(decision_id, 1)

    def carried_out(self, decision_id: str) -> None:
        """A decision was carried out: it counts whatever replaces it."""
        if decision_id in self._done or decision_id not in self._cents:
            return
        subject = self._subjects[decision_id]
        if self._standing.get(subject) != decision_id:
            self._count(decision_id, 1)
        self._done.add(decision_id)
        self._executed[subject] = self._executed.get(subject, 0) + 1

    def spent(self, subject: str) -> Spent:
        """What counts when a subject is decided about: all of the day but its own decision that would be replaced."""
        standing = self._standing.get(subject, "")
        actions, cents = self._actions, self._total
        if standing in self._cents and standing not in self._done:
            actions, cents = actions - 1, cents - self._cents[standing]
        done = self._executed.get(subject)
        return Spent(actions, cents / 100, {subject: done} if done else {})

    def _forgo(self, decision_id: str | None) -> None:
        if decision_id in self._cents and decision_id not in self._done:
            self._count(decision_id, -1)

    def _count(self, decision_id: str, sign: int) -> None:
        self._actions += sign
        self._total += sign * self._cents[decision_id]


class Tallies:
    """Tallies by agent, point and day, as of one number of the ledger."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, str], Tally] = {}
        self._seq = 0

    def catch_up(self, tail: Tail) -> None:
        """Read what others wrote since."""
        if tail.seq > self._seq and self._held:
            for kind, entry_id, agent, as_of, body in tail.since(self._seq, _KINDS):
                self._apply(kind, entry_id, agent, as_of, body)
        self._seq = tail.seq

    def seen(self, seq: int) -> None:
        """What was written since by ourselves is counted already."""
        self._seq = seq

    def forget(self) -> None:
        """Start anew: what was counted was not written."""
        self._held.clear()

    def of(self, tail: Tail, agent: str, point: str, as_of: str) -> Tally:
        """The tally of a point's day; read from the ledger when it is asked for first."""
        found = self._held.get((agent, point, as_of))
        if found is None:
            while len(self._held) >= _DAYS:
                del self._held[next(iter(self._held))]
            found = self._held[agent, point, as_of] = Tally()
            for entry_id, body in tail.of_day("decision", agent, as_of):
                decision = _DECISION.decode(body)
                if decision.point == point:
                    found.add(entry_id, decision.subject, decision.workflow, decision.cost_brl)
            for _, body in tail.of_day("execution", agent, as_of):
                found.carried_out(_EXECUTION.decode(body).decision_id)
        return found

    def _apply(self, kind: str, entry_id: str, agent: str, as_of: str, body: str) -> None:
        if kind == "decision":
            decision = _DECISION.decode(body)
            tally = self._held.get((agent, decision.point, as_of))
            if tally is not None:
                tally.add(entry_id, decision.subject, decision.workflow, decision.cost_brl)
            return
        done = _EXECUTION.decode(body).decision_id
        for (held_agent, _, held_day), tally in self._held.items():
            if (held_agent, held_day) == (agent, as_of):
                tally.carried_out(done)
