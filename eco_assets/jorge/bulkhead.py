"""The bulkhead round a call to the outside: it has its time, and calls that hang take nothing from any other step.

Each attempt has a thread of its own: 0.1 ms of processor time more than one of a pool, of about 3 ms that a recorded step takes. A
pool that all steps shared would be full of hanging calls of one door after a few orders, and every agent would wait for that door.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from functools import cache
from typing import TypeVar

from eco_assets.errors import DoorUnavailable

T = TypeVar("T")
HANGING = 64  # calls of one place that may hang at once in a worker


def within(seconds: float, place: str, call: Callable[[], T]) -> T:
    """What `call` gives, or what it raises.

    Args:
        seconds: its time.
        place: what it hangs with, such as a workflow's step: when `HANGING` calls of one place hang, further ones are refused.
        call: goes on in its thread when its time is over; nobody waits for it then, not even the end of the process.

    Raises:
        DoorUnavailable: no answer in time.
    """
    slots, future = _slots(place), Future[T]()
    if not slots.acquire(timeout=seconds):
        raise DoorUnavailable(f"no answer within {seconds:g} s: {HANGING} calls of {place} hang already")

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 -- it is raised where the call was made
            future.set_exception(error)
        finally:
            slots.release()

    threading.Thread(target=run, name=f"step {place}", daemon=True).start()
    try:
        return future.result(timeout=seconds)
    except NotInTime:
        if future.done():  # the call itself raised a TimeoutError
            raise
        raise DoorUnavailable(f"no answer within {seconds:g} s") from None


@cache
def _slots(place: str) -> threading.Semaphore:
    return threading.Semaphore(HANGING)
