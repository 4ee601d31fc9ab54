"""What `make nightly` tests completely, `make test` tests in part: always the same part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

# Whether `make nightly` runs the tests.
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
# An engine outside of this process takes several times as long for each call, so the samples are smaller.
_SAMPLE_FACTOR = 3 if os.environ.get("TEST_DYNAMODB_ENDPOINT") else 1


def step(every: int) -> int:
    """Returns the distance between the cases of a sample that has one of `every` cases with the embedded engine."""
    return every * _SAMPLE_FACTOR


def fewer(number: int) -> int:
    """Returns a third of a number of cases, at least one, with an engine outside of this process."""
    return max(1, number // _SAMPLE_FACTOR)


def all_or_sample(cases: Sequence[T], every: int) -> Sequence[T]:
    """Returns all cases in `make nightly`, otherwise every n-th (see `step`), beginning with the first."""
    return cases if NIGHTLY else cases[:: step(every)]


def full_or_small(full: T, small: T) -> T:
    """Returns a number, or another value, for `make nightly`, and one for `make test`."""
    return full if NIGHTLY else small
