"""What makes the tests quicker by a third, and changes nothing that they see: where Python's memory comes from.

* Python asks the system for the frames of calls in pieces of 16 KB. A loop whose calls cross the end of a piece
  gets and gives back the next one every time round, at a page fault each, and moto's calls are deep. A frame
  that needs more gets a piece of twice its own size, and what is called from there has the other half to itself.
* The collector walks everything that was imported again and again. Here it leaves that out.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from _pytest import runner

_WORDS = 2**16


def _with_room(call: Callable[[], bool]) -> bool:
    return call()


_with_room.__code__ = _with_room.__code__.replace(co_stacksize=_WORDS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """What pytest does for one test, with half a megabyte for the frames of its calls."""
    return _with_room(lambda: runner.pytest_runtest_protocol(item, nextitem))


def pytest_collection_finish() -> None:
    """From now on only what the tests make themselves is looked at, and less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
