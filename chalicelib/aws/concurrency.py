"""Runs calls to AWS in several threads, and counts what they consume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from chalicelib.aws.usage import Usage, add_usage, track_usage

if TYPE_CHECKING:
    from concurrent.futures import Future

R = TypeVar("R")


def run_concurrently(calls: Sequence[Callable[[], R]], max_threads: int) -> list[Future[R]]:
    """Runs at least one call, and returns the futures of all, in the same order. All have ended and are counted.

    The future of a call that raised an exception has it. The calls have the time limit of this request.
    """
    # Most requests need no threads, so the first of a process does not import this.
    from concurrent.futures import ThreadPoolExecutor

    usages: list[Usage] = []

    def run(call: Callable[[], R]) -> R:
        # Threads that count in the same place would lose counts.
        with track_usage() as usage:
            usages.append(usage)
            return call()

    with ThreadPoolExecutor(min(max_threads, len(calls))) as pool:
        futures = [pool.submit(copy_context().run, run, call) for call in calls]
    for usage in usages:
        add_usage(usage)
    return futures
