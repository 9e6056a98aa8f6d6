"""Spreads the series or segments of a training over processes. Knows no model: a task is a function of a module, its jobs are plain values.

Each job is computed by itself and on one thread, here or in a worker, so that a model is the same with one worker and with many.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from eco_assets.errors import WorkerLost

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

Job = TypeVar("Job")
Result = TypeVar("Result")

START_S = 5.0  # CPU seconds of a worker that imports the forecasting libraries, measured
TRIED = 2  # jobs that are done here first; the first one may import a library
CHUNKS = 4  # a worker: large enough to be worth sending, small enough that none waits long for the last


class _Pool:
    """Up to `count` processes, started when first needed."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.opened: ProcessPoolExecutor | None = None

    def open(self) -> ProcessPoolExecutor:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        if self.opened is None:  # spawned, because a fork would copy locks that other threads hold
            self.opened = ProcessPoolExecutor(self.count, mp_context=get_context("spawn"), initializer=_end_with_parent)
        return self.opened


_POOL: ContextVar[_Pool | None] = ContextVar("workers", default=None)


@contextmanager
def workers(count: int) -> Iterator[None]:
    """Let `mapped` use up to `count` processes within the block. They end with it, so that their CPU seconds count as the caller's."""
    pool = _Pool(count)
    token = _POOL.set(pool if count > 1 else None)
    try:
        yield
    finally:
        _POOL.reset(token)
        if pool.opened is not None:
            pool.opened.shutdown(wait=True, cancel_futures=True)


def mapped(task: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """`task` of every job, in the order of the jobs; in workers where that is worth their start, which the second job tells.

    Args:
        task: a function of a module, or a partial of one.
        jobs: values that can be pickled.

    Raises:
        WorkerLost: a worker was killed, or ran out of memory; nothing of the work is kept.
    """
    from concurrent.futures.process import BrokenProcessPool

    pool, done, spent = _POOL.get(), list[Result](), 0.0
    for job in jobs if pool is None else jobs[:TRIED]:
        began = time.process_time()
        done.append(_one(task, job))
        spent = time.process_time() - began
    rest = jobs[len(done) :]
    if pool is None or (pool.opened is None and spent * len(rest) < START_S * pool.count):
        return [*done, *(_one(task, job) for job in rest)]
    chunk = max(1, len(rest) // (pool.count * CHUNKS))
    try:
        return [*done, *pool.open().map(partial(_one, task), rest, chunksize=chunk)]
    except BrokenProcessPool as error:
        pool.opened = None
        raise WorkerLost("a worker of this training was killed or ran out of memory; nothing was kept, so train again") from error


def _one(task: Callable[[Job], Result], job: Job) -> Result:
    with one_thread():
        return task(job)


def one_thread() -> AbstractContextManager[Any]:
    """Hold the numeric libraries to one thread.

    Their threads spin at every barrier: with another process on a two-core machine a fit of 2 s took 30 s.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def _end_with_parent() -> None:
    """A worker waits for its next job for ever, also when nobody is left to send one."""
    from multiprocessing import parent_process

    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
