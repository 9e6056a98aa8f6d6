"""A configured door behind its circuit breaker and the journal: a key that went through is not sent again, one in doubt is known."""

from __future__ import annotations

from collections.abc import Callable

from eco_assets.errors import PermanentError, TransientError
from eco_assets.jorge.doors.breaker import Breaker
from eco_assets.jorge.doors.door import Began, Door, Message, OutcomeUnknown, Unreached, withdrawal
from eco_assets.jorge.doors.journal import Delivery, Journal, carried, in_doubt


class GuardedDoor:
    """One configured door."""

    def __init__(self, name: str, door: Door, breaker: Breaker, journal: Journal) -> None:
        self.name, self.door, self.breaker = name, door, breaker
        self._journal = journal

    def send(self, key: str, message: Message) -> str:
        """Send a message once a key; one that was withdrawn is sent anew, as another action.

        Raises:
            ActionRefused: the far side refuses it.
            OutcomeUnknown: an earlier attempt may have gone through and this kind of door knows no keys.
            DoorUnavailable: not now.
        """
        known = self._journal.find(key)
        if known is not None and known.state == "sent":
            return known.receipt
        turn = 1 if known is None else known.turn + (known.state == "withdrawn")
        return self._once(key, turn, known, lambda began: self.door.send(carried(key, turn), message, began))

    def withdraw(self, key: str, message: Message) -> str:
        """Take back what was sent, or may have been sent, with a key. Raises as `send` does."""
        known = self._journal.find(key)
        if known is None or known.state == "refused":
            return "nothing was sent"
        if known.state == "withdrawn":
            return known.receipt
        sent = carried(key, known.turn)
        if self.door.is_idempotent:
            receipt = self._through(lambda: self.door.withdraw(sent, message, lambda: None))
        else:  # its withdrawal is a message that is fenced as the first one was
            receipt = self._withdrawn_once(known, sent, message)
        self._journal.note(key, self.name, known.turn, "withdrawn", receipt)
        return receipt

    def _withdrawn_once(self, known: Delivery, sent: str, message: Message) -> str:
        if known.state == "begun":
            raise in_doubt(known.key, self.name)
        own = withdrawal(sent)
        before = self._journal.find(own)
        if before is not None and before.state == "sent":
            return before.receipt
        return self._once(own, 1, before, lambda began: self.door.withdraw(sent, message, began))

    def _once(self, key: str, turn: int, known: Delivery | None, call: Callable[[Began], str]) -> str:
        """Make a call that acts, with the journal telling what is known about it at every moment."""
        if known is not None and known.state == "begun" and not self.door.is_idempotent:
            raise in_doubt(key, self.name)
        has_begun = False

        def began() -> None:
            nonlocal has_begun
            self._journal.begin(key, self.name, turn, may_repeat=self.door.is_idempotent)
            has_begun = True

        was_in_doubt = known is not None and known.state == "begun"
        try:
            receipt = self._through(lambda: call(began))
        except Unreached:
            if has_begun and not was_in_doubt:
                self._put_back(key, known)
            raise
        except PermanentError as error:
            if not was_in_doubt and not isinstance(error, OutcomeUnknown):
                self._journal.note(key, self.name, turn, "refused", str(error)[:500])
            raise
        self._journal.note(key, self.name, turn, "sent", receipt)
        return receipt

    def _put_back(self, key: str, known: Delivery | None) -> None:
        if known is None:
            self._journal.forget(key)
        else:
            self._journal.note(key, known.door, known.turn, known.state, known.receipt)

    def _through(self, call: Callable[[], str]) -> str:
        self.breaker.enter()
        try:
            receipt = call()
        except (TransientError, OutcomeUnknown) as error:
            self.breaker.failed(error)
            raise
        except PermanentError:
            self.breaker.succeeded()
            raise
        except BaseException:
            self.breaker.left()
            raise
        self.breaker.succeeded()
        return receipt
