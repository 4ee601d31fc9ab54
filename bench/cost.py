"""`docs/cost.md`: what each operation takes and costs, measured here and multiplied with published prices.

`python -m bench.cost` writes the page. What it counts is the same at every run; its times are of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import prices
from bench.prices import LARGE, SMALL, Month, billed_ms, price
from bench.workload import Row, measure

PAGE = Path(__file__).parent.parent / "docs" / "cost.md"
COUNTED_RUNS, TIMED_RUNS = 1, 30

INTRODUCTION = f"""# What it costs

Written by `make bench`; a test holds its counts against the code. Prices are those that AWS publishes for
{prices.REGION}, as they were in {prices.AS_OF}, in dollars, first tier, without the free one.

* **Calls** are round trips to DynamoDB and S3 of a warm function; **read** and **write** units are those that DynamoDB
  charges on demand, indexes and refused attempts included, computed by its published rules from the rows that were
  read and written. Objects are of about half a kilobyte.
* **CPU** is measured, of our code and the SDK's, on the machine that wrote this page. **Billed** is what Lambda would
  measure: that CPU on the share of a processor that the function has ({prices.API_MB} MB, {prices.WORKER_MB} MB for
  work in the background, of {prices.PROCESSOR_MB} MB), and {prices.TABLE_WAIT_MS} ms for each call to DynamoDB,
  {prices.S3_WAIT_MS} ms for each to S3. What runs in parallel is added up all the same.
* **$ per million** is everything: API Gateway (${prices.GATEWAY_REQUEST:.2f} of it, for what is requested), Lambda,
  DynamoDB and S3.

Any request tells its own counts with the header `X-Show-Cost: true`.

"""
AFTER = f"""

A file is stored with one PUT. Reading one takes no call of ours: a download URL leads to S3, which charges its GET and
what leaves the region.

Left out above: what leaves the region, alarms (${prices.ALARM:.2f} each a month), and the free tiers, which cover most
of a small user's month.
"""


def counted() -> list[Row]:
    """What is the same at every run, with no times."""
    return [replace(row, cpu_ms=0.0) for row in measure(COUNTED_RUNS, counting=True)]


def rows() -> list[Row]:
    """What each operation takes, times included."""
    times = {row.name: row.cpu_ms for row in measure(TIMED_RUNS, counting=False)}
    return [replace(row, cpu_ms=times[row.name]) for row in counted()]


def page(found: Sequence[Row]) -> str:
    """The whole page."""
    months = "\n".join(line for month in (SMALL, LARGE) for line in _month(month, found))
    return INTRODUCTION + "\n".join(_table(found)) + "\n" + months + AFTER


def counts_of(text: str) -> list[list[str]]:
    """The names and counts in a page, without what depends on a machine."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells[:5]] for cells in lines if len(cells) == len(HEADINGS)]


HEADINGS = ("operation", "calls", "read", "write", "S3", "CPU ms", "billed ms", "$ per million")


def _table(found: Sequence[Row]) -> Iterator[str]:
    yield _cells(HEADINGS)
    yield _cells(["---", *["--:"] * (len(HEADINGS) - 1)])
    for row in found:
        billed = billed_ms(row, prices.WORKER_MB if row.background else prices.API_MB)
        counts = (row.calls, row.read_units, row.write_units, row.s3_requests)
        yield _cells([row.name, *map(_count, counts), f"{row.cpu_ms:.1f}", f"{billed:.0f}", f"{price(row).total:.2f}"])


def _month(month: Month, found: Sequence[Row]) -> Iterator[str]:
    bill = month.lines(found)
    yield f"\n## {month.title}\n"
    yield _cells(["for", "$ a month"])
    yield _cells(["---", "--:"])
    for name, dollars in bill:
        yield _cells([name, f"{dollars:,.2f}"])
    yield _cells(["**together**", f"**{sum(dollars for _, dollars in bill):,.2f}**"])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _count(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


if __name__ == "__main__":
    PAGE.write_text(page(rows()))
