"""The section of docs/reference/cost.md that `make bench-scale` writes. `make bench` keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.scale.measuring import Sample
from bench.scale.report import growth

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cost.md"
HEADING = "\n## Growth of lists\n"
INTRODUCTION = """
`make bench-scale` writes this section. It fills DynamoDB Local with the given numbers of rows, and sends each request
to the service. A cell has the calls and the read units of the request, which DynamoDB Local counts as DynamoDB does.
**CPU** is that of the service and the AWS SDK, for the largest size that was answered, on the machine that wrote this
page. The growth is that of the read units between the sizes: `flat`, `linear`, or a power of the number of rows.

Pages have 20 rows, unless the table says otherwise. A bucket has about one kilobyte with its statistics, an object
half a kilobyte. In a list of objects, a page with a filter or a search can end early, with a cursor
([Limits](limits.md#lists)). A 503 means that the request has reached its time limit of 10 seconds on this machine.

"""


def section_of(text: str) -> str:
    """Returns the section in a page, or an empty text."""
    _, heading, section = text.partition(HEADING)
    return heading + section


def write_section(samples: Sequence[Sample]) -> None:
    """Replaces the section in the page."""
    text = PAGE.read_text()
    PAGE.write_text(text.removesuffix(section_of(text)) + HEADING + INTRODUCTION + growth(samples))
