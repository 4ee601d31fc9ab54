"""`make bench-scale`: what it writes is consistent, every request is measured, and the growth laws are right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.scale.filling import Filler, bucket_name, small_settings
from bench.scale.growth import law
from bench.scale.lists import BUCKET, SUBJECTS, Subject
from bench.scale.measuring import Sample, measure
from bench.scale.page import HEADING, PAGE, section_of
from bench.scale.pages import rows_per_page
from bench.scale.report import growth, tables
from bench.scale.world import World
from tests.support.engine import ENDPOINT
from tests.support.nightly import NIGHTLY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SAMPLE = Sample("Buckets", "default page", 100, calls=2, read_units=10, cpu_ms=1.4, wall_ms=5, slowest_ms=6, rows=20)
SIZE = 20
# The subjects whose rows are so small that the embedded engine ends pages where DynamoDB Local does.
COMPARED = [SUBJECTS[0], SUBJECTS[3]]


@pytest.fixture
def world(client: DynamoDBClient) -> Iterator[World]:
    """The services of the benchmark on the engine of the tests."""
    made = World(client)
    yield made
    made.close()


def names(subject: Subject) -> str:
    """Returns the id of a test."""
    return subject.name


def test_written_statistics_and_names_are_those_of_the_written_rows(world: World) -> None:
    filler = Filler(world)
    place = filler.new_namespace(world.new_organization(), "films")
    ids = filler.fill_with_buckets(place, SIZE, small_settings)
    stats = world.services.stats
    assert [stats.verify(place.partition, bucket_id) for bucket_id in (*ids, None)] == [[]] * (SIZE + 1)
    found = world.request(place, "GET", BUCKET, {"bucket_identifier": bucket_name(SIZE - 1)}, None)
    assert found.body["bucket_id"] == ids[-1]


def test_written_objects_are_counted(world: World) -> None:
    filler = Filler(world)
    place = filler.new_namespace(world.new_organization(), "films")
    (bucket_id,) = filler.fill_with_buckets(place, 1, small_settings)
    filler.fill_with_objects(place, bucket_id, SIZE)
    stats = world.services.stats
    assert [stats.verify(place.partition, each) for each in (bucket_id, None)] == [[], []]
    assert world.services.buckets.get(place.partition, bucket_id).tally.object_count == SIZE


@pytest.mark.parametrize("subject", SUBJECTS, ids=names)
def test_every_request_is_answered_at_a_small_size(world: World, subject: Subject) -> None:
    samples = list(measure(world, subject, (100,), lambda line: None))
    assert [sample.request for sample in samples] == [request.name for request in subject.requests]
    assert [sample for sample in samples if sample.error or not sample.calls or not sample.read_units] == []
    rows = {sample.request: (sample.rows, sample.has_cursor) for sample in samples}
    expected = {
        "default page": (20, True),
        "cursor page": (20, True),
        "filter that matches all": (20, True),
        "filter that matches 1 in 1000": (1, False),
        "filter that matches none": (0, False),
        "search that matches all": (20, True),
        "search that matches one": (1, False),
        "search `abc*` that matches 1 in 10": (10, False),
        "filter by prefix of the name": (10, False),
    }
    assert {name: rows[name] for name in expected if name in rows} == {
        name: found for name, found in expected.items() if name in rows
    }


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([10], "answered"),
        ([10, 10.5, 11], "flat"),
        ([10, 100, 1000], "linear"),
        ([10, 32, 100], "n^0.5"),
        ([10, 100, 101], "linear to 1 000, then flat to 10 000"),
    ],
)
def test_the_law_is_the_power_of_the_size_that_read_units_grow_with(units: list[float], expected: str) -> None:
    samples = [replace(SAMPLE, size=10 ** (2 + step), read_units=each) for step, each in enumerate(units)]
    assert law(samples) == expected


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (0, "refused with 400 sort_too_large"),
        (1, "answered to 100, then refused with 400 sort_too_large"),
        (2, "linear to 1 000, then refused with 400 sort_too_large"),
    ],
)
def test_the_law_says_from_where_a_request_is_refused(answered: int, expected: str) -> None:
    samples = [replace(SAMPLE, size=10 ** (2 + step), read_units=10 ** (1 + step)) for step in range(3)]
    refused = [replace(sample, error="400 sort_too_large") for sample in samples[answered:]]
    assert law([*samples[:answered], *refused]) == expected


@pytest.mark.parametrize(
    ("rows", "units", "consistent", "expected"),
    [(50, 12.5, True, 1024), (50, 12.5, False, 512), (2, 1000, True, 1), (0, 1, True, 50)],
)
def test_a_page_has_the_rows_of_a_megabyte(rows: int, units: float, consistent: bool, expected: int) -> None:
    assert rows_per_page(rows, units, consistent=consistent) == expected


def test_the_tables_have_each_sample() -> None:
    refused = replace(SAMPLE, size=1000, error="400 sort_too_large")
    assert "| default page | 100 | 2 | 10 | 1 | 5 | 20 rows |" in tables([SAMPLE, refused])
    assert "| default page | 1 000 | 2 | 10 | 1 | 5 | `400 sort_too_large` |" in tables([SAMPLE, refused])
    row = "| default page | 2, 10 | refused | 1 | answered to 100, then refused with 400 sort_too_large |"
    assert row in growth([SAMPLE, refused])


def test_the_section_is_the_end_of_the_page() -> None:
    assert section_of("# Cost\n") == ""
    assert section_of(f"# Cost\n{HEADING}\nText\n") == f"{HEADING}\nText\n"


def test_the_page_has_each_measured_request_at_each_size() -> None:
    for subject in SUBJECTS:
        sizes, rows = shown(subject)
        assert [*rows] == [request.name for request in subject.requests]
        assert sizes == [str(size) for size in subject.sizes]


@pytest.mark.skipif(bool(ENDPOINT), reason="the engine of `make bench-scale` is compared with the embedded engine")
@pytest.mark.parametrize("subject", COMPARED if NIGHTLY else COMPARED[:1], ids=names)
def test_the_calls_on_the_page_are_those_of_the_code(world: World, subject: Subject) -> None:
    """`make nightly` compares all requests. `make test` compares only those of single buckets."""
    smallest = subject.sizes[0]
    samples = measure(world, subject, (smallest,), lambda line: None)
    found = {sample.request: str(sample.calls) for sample in samples}
    published = {name: cells[0].partition(",")[0] for name, cells in shown(subject)[1].items()}
    compared = [name for name in found if NIGHTLY or name.startswith("GET")]
    assert {name: found[name] for name in compared} == {name: published[name] for name in compared}, (
        "to update the page, run: make bench-scale"
    )


def shown(subject: Subject) -> tuple[list[str], dict[str, list[str]]]:
    """Returns the sizes in the table of a subject on the page, and the cells of each request."""
    _, _, table = section_of(PAGE.read_text()).partition(f"### {subject.name}\n")
    lines = [line.strip("| ").split(" | ") for line in table.partition("\n### ")[0].splitlines() if "| " in line]
    (_, *sizes, _, _), _, *rows = lines
    return [size.replace(" ", "") for size in sizes], {request: cells for request, *cells in rows}
