"""Lists of 100 000 buckets and 100 000 objects respond within the time limit of the request: with a page, with an
error that says what to narrow, or with a 503 if the database is so slow that not even a thousand rows were read.

Time is simulated: a call to the database takes some, and so does each row that it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from chalicelib.http.operation import REQUEST_TIME_LIMIT_SECONDS
from tests.support.api import Api, ApiResponse
from tests.support.catalog import put_tally
from tests.support.engine import ENDPOINT
from tests.support.nightly import NIGHTLY
from tests.support.objects import create_object_bucket, objects
from tests.support.seeding import hashed_id, seed_buckets, seed_objects
from tests.support.slow_time import SlowTime, slow_calls
from tests.support.world import World

pytestmark = [
    pytest.mark.skipif(bool(ENDPOINT), reason="on DynamoDB Local, make bench-scale reads as many rows"),
    pytest.mark.skipif(not NIGHTLY, reason="writing 300 000 rows takes a minute: make nightly"),
]

ROW_COUNT = 100_000
# So many rows are written at a time, to limit the memory that they need.
CHUNK = 10_000
CALL_SECONDS = 0.02
FAST_ROW_SECONDS, SLOW_ROW_SECONDS = 0.000_05, 0.000_5
# DynamoDB returns up to 1 MB. Rows of the index of names have some 100 bytes, and objects at least 500.
MAX_BUCKETS_OF_A_CALL, MAX_OBJECTS_OF_A_CALL = 10_000, 2_000

PAGE, WHOLE, NONE = "200 with a cursor", "200 with all rows", "200 without a row"
LONG = "400 walk_too_long"
UNSORTABLE = "400 sort_too_large"
BUSY = "503 None"
# The body of each request, and its outcome.
Lists = Mapping[str, tuple[dict[str, Any], str]]
BUCKET_LISTS: Lists = {
    "default page": ({}, PAGE),
    "page by name": ({"sort": {"field": "bucket_name"}}, PAGE),
    "total": ({"include_total": True}, PAGE),
    "prefix of many": ({"filters": {"field": "bucket_name", "operator": "starts_with", "value": "b"}}, LONG),
    "prefix of few": ({"filters": {"field": "bucket_name", "operator": "starts_with", "value": "b09999"}}, WHOLE),
    "search that matches all": ({"search": "b0"}, LONG),
    "search that matches all, by name": ({"search": "b0", "sort": {"field": "bucket_name"}}, LONG),
    "search that matches one": ({"search": "b012345"}, WHOLE),
    "search that matches none": ({"search": "in no bucket"}, NONE),
    "filter that matches all": ({"filters": {"metadata.team": "archive"}}, LONG),
    "filter that matches one": ({"filters": {"metadata.rank": 77}}, LONG),
    "filter by name": ({"filters": {"bucket_name": "b000077"}}, WHOLE),
    "sort without an index": ({"sort": {"field": "metadata.rank"}}, UNSORTABLE),
}
OBJECT_LISTS: Lists = {
    "default page": ({}, PAGE),
    "page of 1000": ({"limit": 1_000}, PAGE),
    "total": ({"include_total": True}, PAGE),
    "filter that matches all": ({"filters": {"title": "Metropolis"}}, PAGE),
    "filter that matches few": ({"filters": {"field": "take", "operator": "in", "value": [7, 99_999]}}, PAGE),
    "filter with a total": ({"filters": {"take": 7}, "include_total": True}, LONG),
    "filter with an offset": ({"filters": {"take": 7}, "offset": 1}, LONG),
    "search that matches none": ({"search": "in no object"}, PAGE),
    "sort without an index": ({"sort": {"field": "take"}}, UNSORTABLE),
}


def outcomes(
    world: World, time: SlowTime, path: str, lists: Lists, *, seconds: float, rows_of_a_call: int
) -> dict[str, str]:
    """Returns the outcome of each list, after it has checked the time that it took."""
    found = {}
    for name, (body, _) in lists.items():
        started = time.now
        with slow_calls(world, time, CALL_SECONDS, seconds_of_a_row=seconds):
            reply = world.api().post(path, body)
        # The call that exceeds the limit ends, and another one may say how many rows there are.
        longest = REQUEST_TIME_LIMIT_SECONDS + 2 * CALL_SECONDS + seconds * rows_of_a_call
        assert time.now - started <= longest, name
        found[name] = outcome_of(reply)
    return found


def outcome_of(reply: ApiResponse) -> str:
    """Returns the status, with what the response has: the code of an error, or rows."""
    if reply.status != 200:
        return f"{reply.status} {reply.error['code']}"
    if reply.json["pagination"]["next_cursor"]:
        return PAGE
    return WHOLE if reply.json["results"] else NONE


def check(world: World, time: SlowTime, path: str, lists: Lists, rows_of_a_call: int) -> None:
    """Requests the lists from a fast database, and from one that is so slow that a walk cannot end."""
    expected = {name: outcome for name, (_, outcome) in lists.items()}
    read = partial(outcomes, world, time, path, lists, rows_of_a_call=rows_of_a_call)
    assert read(seconds=FAST_ROW_SECONDS) == expected
    slow = read(seconds=SLOW_ROW_SECONDS)
    assert {outcome for name, outcome in slow.items() if outcome != expected[name]} <= {LONG, BUSY}


def test_lists_of_buckets(time: SlowTime, world: World) -> None:
    settings = lambda number: {"metadata": {"team": "archive", "rank": number}}  # noqa: E731
    for start in range(0, ROW_COUNT, CHUNK):
        seed_buckets(world, range(start, start + CHUNK), settings)
    check(world, time, "/v1/buckets/list", BUCKET_LISTS, MAX_BUCKETS_OF_A_CALL)


@pytest.mark.parametrize("id_of", [hashed_id, lambda number: f"obj_{number:026}"], ids=["hashed", "ordered"])
def test_lists_of_objects(time: SlowTime, world: World, api: Api, id_of: Callable[[int], str]) -> None:
    bucket = create_object_bucket(api)
    values = lambda number: {"take": number, "title": "Metropolis"}  # noqa: E731
    for start in range(0, ROW_COUNT, CHUNK):
        seed_objects(world, bucket, range(start, start + CHUNK), values, id_of=id_of)
    put_tally(world, bucket, object_count=ROW_COUNT)
    check(world, time, f"{objects(bucket)}/list", OBJECT_LISTS, MAX_OBJECTS_OF_A_CALL)
