"""The growth laws of lists: how the read units of a request depend on the number of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

from bench.scale.measuring import Sample

# Exponents below the first bound are called flat, and those between the other two linear.
FLAT_BELOW, LINEAR_FROM, LINEAR_TO = 0.15, 0.85, 1.15


def law(samples: Sequence[Sample]) -> str:
    """Returns the growth law of a request, from its samples at increasing sizes.

    It is `flat`, `linear`, or `n^` and an exponent, each up to a size. A request that is refused from some size on has
    the error there.
    """
    answered = [sample for sample in samples if not sample.error]
    refused = [f"refused with {sample.error}" for sample in samples if sample.error][:1]
    parts = _parts(answered)
    if len(parts) == 1 and not refused:
        return parts[0][0]
    return ", then ".join([*(f"{word} to {number(size)}" for word, size in parts), *refused])


def exponent(smaller: Sample, larger: Sample) -> float:
    """Returns the power of the size with which the read units grow between two samples."""
    return math.log(larger.read_units / smaller.read_units) / math.log(larger.size / smaller.size)


def number(value: float) -> str:
    """Returns a number with spaces between thousands."""
    return f"{value:,.0f}".replace(",", " ")


def _parts(samples: Sequence[Sample]) -> list[tuple[str, int]]:
    """Returns the words of the law, each with the largest size for which it holds."""
    if len(samples) == 1:
        return [("answered", samples[0].size)]
    steps = [(_word(exponent(*pair)), pair[1].size) for pair in pairwise(samples)]
    return [(word, max(size for _, size in same)) for word, same in groupby(steps, key=lambda step: step[0])]


def _word(power: float) -> str:
    if power < FLAT_BELOW:
        return "flat"
    return "linear" if LINEAR_FROM <= power <= LINEAR_TO else f"n^{power:.1f}"
