"""What every kind of door is: it puts a message into its final form, sends it with its key, withdraws it, and can be tried."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from eco_assets.errors import DoorUnavailable, PermanentError

Message = Mapping[str, Any]
Began = Callable[[], None]


class Unreached(DoorUnavailable):
    """The far side was not reached, or said that it took nothing: nothing can have happened there."""


class OutcomeUnknown(PermanentError):
    """Whether the far side acted is unknown, and asking again would act twice; a person must find out and settle it."""


@dataclass(frozen=True)
class Form:
    """A message as it leaves. `fields` are what a person would want to see of it; `files` are ending → content."""

    fields: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)


class Door(Protocol):
    """One door of one kind."""

    kind: ClassVar[str]
    is_idempotent: ClassVar[bool]
    """Whether the receiving side acts once a key, however often it is sent."""

    def send(self, key: str, message: Message, began: Began) -> str:
        """Send a message and return a receipt in a few words.

        Args:
            key: the step's idempotency key, which reaches the receiving side.
            message: what the step says.
            began: called right before the first moment from which the far side may have acted.

        Raises:
            Unreached: nothing can have happened; the same call may go through later.
            DoorUnavailable: no whole answer came, and it may have happened; the same call may go through later.
            OutcomeUnknown: as before, where the same call would act twice.
            ActionRefused: the far side will never do it.
        """
        ...

    def withdraw(self, key: str, message: Message, began: Began) -> str:
        """Take back what `send` did with that key. Raises as `send` does."""
        ...

    def check(self) -> str:
        """Reach the far side without acting there; says what answered. Raises as `send` does."""
        ...


def short(key: str) -> str:
    """The key as a name that is safe anywhere: 24 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def withdrawal(key: str) -> str:
    """The key of the message that takes another one back."""
    return f"{key}/withdraw"
