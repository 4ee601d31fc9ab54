"""The tables of the measurements in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bench.scale.growth import law, number
from bench.scale.measuring import Sample

HEADINGS = ("request", "rows", "calls", "read units", "CPU ms", "wall ms", "response")


def tables(samples: Sequence[Sample]) -> str:
    """Returns all measurements, one table for each subject."""
    return "\n".join(line for subject, found in _by_subject(samples) for line in _measurements(subject, found))


def growth(samples: Sequence[Sample]) -> str:
    """Returns the growth laws, one table for each subject, with calls and read units at each size.

    The CPU time is that of the largest size that was answered.
    """
    return "\n".join(line for subject, found in _by_subject(samples) for line in _laws(subject, found))


def _measurements(subject: str, samples: Sequence[Sample]) -> Iterator[str]:
    yield from _start(subject, HEADINGS)
    for sample in samples:
        counts = (number(sample.size), number(sample.calls), units(sample.read_units))
        times = (number(sample.cpu_ms), number(sample.wall_ms))
        yield _cells([sample.request, *counts, *times, response(sample)])
    yield ""


def _laws(subject: str, samples: Sequence[Sample]) -> Iterator[str]:
    sizes = sorted({sample.size for sample in samples})
    yield from _start(subject, ("request", *map(number, sizes), "CPU ms", "growth of the read units"))
    for request in dict.fromkeys(sample.request for sample in samples):
        own = [sample for sample in samples if sample.request == request]
        cpu = [number(sample.cpu_ms) for sample in own if not sample.error][-1:]
        yield _cells([request, *map(_counts, own), *(cpu or ["-"]), law(own)])
    yield ""


def response(sample: Sample) -> str:
    """Returns what a response contained."""
    if sample.error:
        return f"`{sample.error}`"
    rows = "1 row" if sample.rows == 1 else f"{number(sample.rows)} rows"
    return f"{rows} and a cursor" if sample.has_cursor else rows


def units(value: float) -> str:
    """Returns read units, which can be halves."""
    return number(value) if value == int(value) else f"{number(int(value))}.5"


def _counts(sample: Sample) -> str:
    return "refused" if sample.error else f"{number(sample.calls)}, {units(sample.read_units)}"


def _by_subject(samples: Sequence[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    for subject, found in groupby(samples, key=lambda sample: sample.subject):
        yield subject, list(found)


def _start(subject: str, headings: Sequence[str]) -> Iterator[str]:
    yield f"### {subject}"
    yield ""
    yield _cells(headings)
    yield _cells(["---", *["--:"] * (len(headings) - 2), "---"])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
