"""What became of each key at each configured door: begun, sent, refused, withdrawn. It is what keeps a key from acting twice.

A row that is `begun` says that the far side may have acted. Where the far side knows keys, the same call is simply made again; where it
does not (e-mail), a person settles it: `eco doors settle KEY sent|lost`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from eco_assets.errors import NotFound, RequestRefused
from eco_assets.jorge.doors.door import OutcomeUnknown, Unreached
from eco_assets.jorge.doors.store import Store, Transaction

State = Literal["begun", "sent", "refused", "withdrawn"]
_COLUMNS = "key, door, turn, state, receipt, at"


@dataclass(frozen=True)
class Delivery:
    """How a key stands at a door. `turn` counts how often the step was done anew after it was taken back; `at` is ISO with zone."""

    key: str
    door: str
    turn: int
    state: State
    receipt: str
    at: str


def carried(key: str, turn: int) -> str:
    """The key that the receiving side gets: what was withdrawn and is done anew is another action to it."""
    return key if turn == 1 else f"{key}#{turn}"


class Journal:
    """Deliveries by key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, key: str) -> Delivery | None:
        """How a key stands; None for one that never left."""
        with self._store.transaction() as transaction:
            return _find(transaction, key)

    def begin(self, key: str, door: str, turn: int, *, may_repeat: bool) -> None:
        """Write that the far side may act from now on, unless another worker was faster.

        Raises:
            Unreached: another worker has sent it meanwhile; the next attempt finds that.
            OutcomeUnknown: another worker is at it, and the far side would act for both.
        """
        with self._store.transaction() as transaction:
            transaction.alone(f"delivery {key}")
            known = _find(transaction, key)
            if known is not None and known.state == "begun" and not may_repeat:
                raise in_doubt(key, door)
            if known is not None and (known.turn > turn or (known.turn == turn and known.state in ("sent", "withdrawn"))):
                raise Unreached(f"another worker was faster with {key}: it is {known.state}")
            _note(transaction, key, door, turn, "begun", "")

    def note(self, key: str, door: str, turn: int, state: State, receipt: str = "") -> None:
        """Write how a key stands now."""
        with self._store.transaction() as transaction:
            _note(transaction, key, door, turn, state, receipt)

    def forget(self, key: str) -> None:
        """A call that was begun and surely did nothing."""
        with self._store.transaction() as transaction:
            transaction.execute("DELETE FROM deliveries WHERE key = ?", (key,))

    def begun(self, door: str = "") -> list[Delivery]:
        """What may or may not have happened, oldest first; of one door, or of all."""
        query = f"SELECT {_COLUMNS} FROM deliveries WHERE state = 'begun' AND (door = ? OR ? = '') ORDER BY at, key"
        with self._store.transaction() as transaction:
            return [Delivery(*row) for row in transaction.execute(query, (door, door))]

    def counts(self) -> dict[str, dict[str, int]]:
        """Deliveries by door and state."""
        found: dict[str, dict[str, int]] = {}
        with self._store.transaction() as transaction:
            for door, state, number in transaction.execute("SELECT door, state, count(*) FROM deliveries GROUP BY door, state"):
                found.setdefault(str(door), {})[str(state)] = int(number)
        return found

    def settle(self, key: str, verdict: str, by: str) -> Delivery:
        """Write down what a person found out about a key whose outcome was unknown.

        Args:
            key: or the beginning of one, where no other begun key starts so.
            verdict: `sent`, it happened; `lost`, it did not, and may be sent anew.
            by: who says so.

        Raises:
            NotFound: no such key is in doubt. RequestRefused: the verdict is neither, or several keys start so.
        """
        if verdict not in ("sent", "lost"):
            raise RequestRefused(f"{verdict!r} is no verdict; say `sent` or `lost`")
        found = [one for one in self.begun() if one.key.startswith(key)]
        if not found:
            raise NotFound(f"nothing about {key!r} is in doubt; `eco doors` lists what is")
        if len(found) > 1:
            raise RequestRefused(f"{len(found)} keys in doubt start with {key!r}; give more of it")
        if verdict == "sent":
            self.note(found[0].key, found[0].door, found[0].turn, "sent", f"settled by {by}")
        else:
            self.forget(found[0].key)
        return found[0]


def in_doubt(key: str, door: str) -> OutcomeUnknown:
    """What is raised where a person must find out."""
    return OutcomeUnknown(
        f"whether {key} left through {door} is unknown: the worker or the connection broke in the middle. Find out at the receiving side, "
        f"then `eco doors settle {key} sent|lost`"
    )


def _find(transaction: Transaction, key: str) -> Delivery | None:
    rows = transaction.execute(f"SELECT {_COLUMNS} FROM deliveries WHERE key = ?", (key,))
    return Delivery(*rows[0]) if rows else None


def _note(transaction: Transaction, key: str, door: str, turn: int, state: State, receipt: str) -> None:
    transaction.execute(
        f"INSERT INTO deliveries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
        " turn = excluded.turn, state = excluded.state, receipt = excluded.receipt, at = excluded.at",
        (key, door, turn, state, receipt, datetime.now(UTC).isoformat(timespec="milliseconds")),
    )
