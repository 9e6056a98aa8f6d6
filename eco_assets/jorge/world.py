"""The doors through which steps act on the world. Each call carries a key; the same key acts once, however often it is called.

A door that `doors.yaml` configures leads outside (`doors/`). A message to any other lies in the outbox in its final form, one JSON file a
key. What is scarce (people's hours, budgets) is booked in the small database beside the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.errors import ActionRefused
from eco_assets.jorge.doors.outbox import Outbox
from eco_assets.jorge.doors.store import Store, open_store

if TYPE_CHECKING:
    from eco_assets.jorge.doors.guarded import GuardedDoor
    from eco_assets.jorge.doors.journal import Journal
    from eco_assets.jorge.doors.options import Options

_TAKEN = "SELECT coalesce(sum(quantity), 0) FROM bookings WHERE resource = ? AND day = ? AND is_released = 0"


@dataclass(frozen=True)
class DoorState:
    """How a configured door stands: its breaker (`closed`, `open`, `half_open`), the last failure, and keys by journal state."""

    name: str
    kind: str
    breaker: str
    last_error: str
    deliveries: dict[str, int]


class World:
    """Doors, outbox and bookings of one installation."""

    def __init__(self, outbox: Path, bookings: Path | str, doors: Path | None = None) -> None:
        """Nothing is connected before it is used.

        Args:
            outbox: folder of what no door is configured for.
            bookings: SQLite file of bookings and deliveries, or the `postgresql://` URL of a database.
            doors: `doors.yaml`, read when a door is first used; without one everything goes to the outbox.
        """
        self._outbox = Outbox(outbox)
        self._store: Store = open_store(bookings)
        self._doors_file = doors

    def send(self, door: str, key: str, message: Mapping[str, Any], *, kind: str = "") -> str:
        """Send a message through a door, once a key; returns what became of it in a few words.

        Args:
            door: its name.
            key: the step's idempotency key.
            message: what the step says.
            kind: the form it takes in the outbox: `email`, `webhook`, `sql`, `mqtt`, `notion` or `file`; JSON otherwise.

        Raises:
            DoorUnavailable: not now; the same call may go through later.
            ActionRefused: the far side will never do it.
            OutcomeUnknown: it may have been done, and asking again would do it twice.
            ConfigError: `doors.yaml` is malformed, or a variable that it names is not set.
        """
        configured = self._doors.get(door)
        if configured is None:
            return self._outbox.send(door, key, message, kind)
        return configured.send(key, message)

    def withdraw(self, door: str, key: str, message: Mapping[str, Any] | None = None, *, kind: str = "") -> str:
        """Take back what was sent with a key; what never left needs nothing. `message` and `kind` are as for `send`, which raises alike."""
        configured = self._doors.get(door)
        if configured is None:
            return self._outbox.withdraw(door, key, message or {}, kind if message else "")
        return configured.withdraw(key, message or {})

    def book(self, resource: str, key: str, *, day: str, quantity: float, capacity: float) -> str:
        """Book `quantity` of a resource for a day.

        Raises:
            ActionRefused: less than that is left of the day's `capacity`.
            DoorUnavailable: the bookings are busy or broken.
        """
        with self._store.transaction() as db:
            db.alone(f"booking {resource} {day}")
            held = db.execute("SELECT is_released FROM bookings WHERE key = ?", (key,))
            if not held or held[0][0]:
                taken = float(db.execute(_TAKEN, (resource, day))[0][0])
                if taken + quantity > capacity:
                    raise ActionRefused(f"{resource} on {day}: {taken:g} of {capacity:g} taken, {quantity:g} more asked for")
                db.execute(
                    "INSERT INTO bookings (key, resource, day, quantity) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET quantity = excluded.quantity, is_released = 0",
                    (key, resource, day, quantity),
                )
        return f"{resource}: {quantity:g}"

    def release(self, key: str) -> str:
        """Give a booking back; a booking that never was is fine."""
        with self._store.transaction() as db:
            db.execute("UPDATE bookings SET is_released = 1 WHERE key = ?", (key,))
        return "released"

    def booked(self, resource: str, day: str) -> float:
        """How much of a resource is taken on a day."""
        with self._store.transaction() as db:
            return float(db.execute(_TAKEN, (resource, day))[0][0])

    def doors(self) -> list[DoorState]:
        """Every configured door, for health checks and `eco doors`; nothing is asked of the far sides."""
        counts = self.journal.counts()
        return [
            DoorState(name, each.door.kind, each.breaker.state, each.breaker.last_error, counts.get(name, {}))
            for name, each in sorted(self._doors.items())
        ]

    def check(self, door: str) -> str:
        """Reach a configured door's far side without acting there; says what answered. Raises as `send` does."""
        configured = self._doors.get(door)
        if configured is None:
            known = ", ".join(sorted(self._doors)) or "none"
            raise ActionRefused(f"no door {door!r} is configured; those that are: {known}. Messages to it go to the outbox")
        return configured.door.check()

    def close(self) -> None:
        """Close what is kept open; the next use opens it again."""
        self._store.close()

    @cached_property
    def journal(self) -> Journal:
        """What became of each key at the configured doors."""
        from eco_assets.jorge.doors.journal import Journal

        return Journal(self._store)

    @cached_property
    def options(self) -> dict[str, Options]:
        """The configured doors' options. Raises `ConfigError` as `send` does."""
        if self._doors_file is None or not self._doors_file.exists():
            return {}
        from eco_assets.jorge.doors.configured import read_doors

        return read_doors(self._doors_file)

    @cached_property
    def _doors(self) -> dict[str, GuardedDoor]:
        if not self.options:
            return {}
        from eco_assets.jorge.doors.configured import open_doors

        return open_doors(self.options, self.journal)
