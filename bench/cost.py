"""Writes `docs/reference/cost.md`: the calls, capacity units, CPU time and price of each operation.

The counts are the same in every run; the times depend on the machine. The section about the growth of lists is kept:
`bench.scale` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import prices
from bench.prices import LARGE, SMALL, Month, billed_ms, price
from bench.scale.page import section_of
from bench.workload import Row, measure

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "cost.md"
COUNTED_RUNS, TIMED_RUNS = 1, 30

_LOGGED = f"${prices.LOG_GB:.2f} per GB of log, about {prices.ACCESS_LOG_REQUESTS_PER_GB:.1f} million requests"
_INSPECTED = f"${prices.WEB_ACL:.2f}, and ${prices.WEB_ACL_RULE:.2f} for each rule"
# Each protection, its parameter and default, its cost in a month without requests, and what is added with use.
_PROTECTIONS = (
    ("limit of requests", "`RequestRate`: 1000; `RequestBurst`: 2000", "0", "0"),
    ("limits of executions", "`ApiConcurrency`: none; `TaskConcurrency`: 10", "0", "0"),
    ("deletion protection of the tables", "`DeletionProtection`: on", "0", "0"),
    ("removed files", "`FileVersionDays`: 35", "0", f"${prices.S3_GB:.3f} per GB and month"),
    ("compressed responses", "`CompressedBytes`: 1024", "0", "0"),
    ("access log", "`AccessLog`: off", "0", _LOGGED),
    ("web ACL", "`WebAclArn`: none", _INSPECTED, f"${prices.WEB_ACL_REQUEST:.2f} per million requests"),
    ("traces", "`Tracing`: PassThrough", "0", f"${prices.TRACES:.2f} per million traces"),
)
_PROTECTION_HEADINGS = ("protection", "parameter and default", "$ a month without requests", "with use")
PROTECTIONS = "\n".join(
    f"| {' | '.join(cells)} |" for cells in (_PROTECTION_HEADINGS, ["---"] * len(_PROTECTION_HEADINGS), *_PROTECTIONS)
)

INTRODUCTION = f"""# Cost

`make bench` writes this page, and a test compares its counts with the code. Prices are the published prices of AWS for
{prices.REGION} in {prices.AS_OF}, in US dollars, in the first tier and without the free tier.

* **Calls** are round trips to DynamoDB and S3 of a warm function. **Read** and **write** are the request units that
  DynamoDB charges on demand, including those for indexes and for writes whose condition failed. They are calculated by
  the published rules from the rows that were read and written. Each object has about half a kilobyte.
* **S3** is the number of requests to S3.
* **CPU** is measured, for this service's code and the AWS SDK, on the machine that wrote this page. It does not include
  the signatures of calls to DynamoDB.
* **Billed** is an estimate of what Lambda would measure. It is the sum of the CPU time on the function's share of a
  processor, {prices.TABLE_WAIT_MS} ms for each call to DynamoDB, and {prices.S3_WAIT_MS} ms for each call to S3.
  A file is read at {prices.S3_MB_PER_SECOND} MB a second, which is an assumption.
  Calls that run in parallel are added up. With {prices.PROCESSOR_MB} MB of memory, a function has one processor.
  The API function has {prices.API_MB} MB.
  The functions for background work have {prices.WORKER_MB} MB.
* **$ per million** is the total for a million operations: API Gateway (${prices.GATEWAY_REQUEST:.2f}, for operations
  that clients call), Lambda, DynamoDB and S3.

A request with the header `X-Show-Cost: true` shows its own counts in the response header `X-Consumed-Capacity`.

## Fixed costs

A stage without requests costs nothing except for stored data, its alarms, and the polling of its queues.

* **Alarms.** Every stage has {prices.ALARMS} CloudWatch alarms. They cost ${prices.ALARM:.2f} each, after the free tier
  of CloudWatch: ${prices.ALARM * prices.ALARMS:.2f} a month in total. The parameter `AlarmEmail` decides only whether
  they send emails.
* **Polling.** Lambda polls the queues of background tasks, of batches, of uploaded files and of files by URL all
  the time. Each takes
  about {prices.IDLE_POLLS / prices.MILLION:.2f} million requests a month.
  That costs ${prices.POLLING:.2f} a month. The free tier of SQS, one million requests a month for each account, reduces
  it to ${prices.FIRST_STAGE_POLLING:.2f} for one stage.

These protections of a stage ([Deploying](../how-to/deploying.md#protect-a-stage)) cost:

{PROTECTIONS}

The {prices.METRICS} metrics of requests cost nothing in hours without requests. Each costs up to ${prices.METRIC:.2f} a
month, after the free tier of CloudWatch: ${prices.METRIC * prices.METRICS:.2f} in total. The parameter `Metrics=off`
omits them. A dashboard costs ${prices.DASHBOARD:.2f} a month, and a million traces cost ${prices.TRACES:.2f}. Both are
off by default. The saved queries cost nothing until they are run.

The tables below do not include these costs.

## Operations

"""
CLOSING_NOTES = """

A file in a request is stored with one PUT request. An uploaded file is stored by its client with a PUT request, which
the row of its promotion does not include, and read in parts of 8 MB. A download does not call this service: the
download URL leads to S3, which charges for a GET request and for the data that leaves the region.

A file by URL costs a message, a run of a function for as long as the host takes, a few reads and one write of the
object, and one PUT request, or from 8 MB on one for each 8 MB and two more. Its bytes come into AWS free of charge.

The tables do not include data that leaves the region, alarms, metrics, and free tiers. The free tiers cover most of the
costs of a small user.
"""


def counted() -> list[Row]:
    """Returns the counts of each operation, which are the same in every run, without times."""
    return [replace(row, cpu_ms=0.0) for row in measure(COUNTED_RUNS, counting=True)]


def rows() -> list[Row]:
    """Returns the counts and times of each operation."""
    times = {row.name: row.cpu_ms for row in measure(TIMED_RUNS, counting=False)}
    return [replace(row, cpu_ms=times[row.name]) for row in counted()]


def page(found: Sequence[Row]) -> str:
    """Returns the page."""
    months = "\n".join(line for month in (SMALL, LARGE) for line in _month(month, found))
    return INTRODUCTION + "\n".join(_table(found)) + "\n" + months + CLOSING_NOTES


def counts_of(text: str) -> list[list[str]]:
    """Returns the names and counts in a page, without the times, which depend on the machine."""
    operations = text.removesuffix(section_of(text))
    lines = [line.strip("| ").split(" | ") for line in operations.splitlines() if line.startswith("| ")]
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
    yield _cells(["item", "$ a month"])
    yield _cells(["---", "--:"])
    for name, dollars in bill:
        yield _cells([name, f"{dollars:,.2f}"])
    yield _cells(["**total**", f"**{sum(dollars for _, dollars in bill):,.2f}**"])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _count(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


if __name__ == "__main__":
    PAGE.write_text(page(rows()) + section_of(PAGE.read_text()))
