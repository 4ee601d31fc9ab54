"""The cost page agrees with the code."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from bench import cost, prices
from bench.capacity import read, size
from bench.workload import measure
from chalicelib.core.metrics import METRICS
from deployment.merge_template.template import merge_template
from tests.docs.markdown import DOCS
from tests.support.engine import ENDPOINT
from tests.support.nightly import NIGHTLY


@pytest.mark.skipif(bool(ENDPOINT), reason="the counts on the page are those of the embedded engine")
def test_the_counts_on_the_page_are_those_of_the_code() -> None:
    """`make nightly` counts all operations. `make test` leaves out the last two, which need a file of 100 MB."""
    headings, line, *published = cost.counts_of(cost.PAGE.read_text())
    expected = published if NIGHTLY else published[:-2]
    found = list(islice(measure(cost.COUNTED_RUNS, counting=True), None if NIGHTLY else len(expected)))
    assert len(found) > 15
    now = cost.counts_of("\n".join(cost._table(found)))
    assert now == [headings, line, *expected], "to update the page, run: make bench"


@pytest.mark.parametrize(
    ("item", "bytes_"),
    [
        ({"pk": {"S": "é"}}, 4),
        ({"n": {"N": "-12.5"}}, 4),
        ({"b": {"BOOL": True}, "z": {"NULL": True}}, 4),
        ({"m": {"M": {"a": {"S": "xy"}}}}, 1 + 3 + 1 + 1 + 2),
        ({"l": {"L": [{"S": "x"}, {"S": "y"}]}}, 1 + 3 + 4),
        ({"s": {"SS": ["x", "yz"]}}, 4),
        ({}, 0),
    ],
)
def test_row_sizes_are_computed_as_dynamodb_bills_them(item: dict[str, dict[str, object]], bytes_: int) -> None:
    assert size(item) == bytes_


@pytest.mark.parametrize(
    ("bytes_", "consistent", "units"),
    [(0, True, 1), (0, False, 0.5), (4096, True, 1), (4097, True, 2), (8193, None, 1.5)],
)
def test_read_units_are_computed_as_dynamodb_bills_them(bytes_: int, consistent: bool | None, units: float) -> None:
    assert read(bytes_, consistent) == units


def test_the_page_counts_every_alarm() -> None:
    declared = merge_template()["Resources"]
    alarms = {name: made for name, made in declared.items() if made.get("Type") == "AWS::CloudWatch::Alarm"}
    assert len(alarms) == prices.ALARMS
    assert [name for name, made in alarms.items() if "Condition" in made] == []
    assert f"${prices.ALARM * prices.ALARMS:.2f} a month in total" in cost.PAGE.read_text()


def test_the_page_counts_every_metric() -> None:
    assert len(METRICS) == prices.METRICS
    assert f"${prices.METRIC * prices.METRICS:.2f} in total" in cost.PAGE.read_text()
    assert f"at most ${prices.METRIC * prices.METRICS:.2f} a month" in (DOCS / "how-to" / "monitoring.md").read_text()


def test_the_page_counts_every_polled_queue_and_the_guide_has_the_sum() -> None:
    functions = [made["Properties"].get("Events", {}) for made in merge_template()["Resources"].values()]
    sources = [source["Properties"] for events in functions for source in events.values()]
    assert len([source for source in sources if "Queue" in source]) == prices.POLLED_QUEUES
    assert f"costs ${prices.POLLING:.2f} a month" in cost.PAGE.read_text()
    total = prices.POLLING + prices.ALARM * prices.ALARMS
    assert f"at most ${total:.2f} a month" in (DOCS / "how-to" / "deploying.md").read_text()


def test_the_page_has_the_cost_of_every_protection_with_its_default() -> None:
    parameters = merge_template()["Parameters"]
    shown = re.findall(r"`(\w+)`: (\w+)", cost.PROTECTIONS)
    assert cost.PROTECTIONS in cost.PAGE.read_text()
    assert len(shown) >= 8
    for name, default in shown:
        declared = parameters[name]["Default"]
        assert default == ("none" if declared in ("", 0) else str(declared)), name
