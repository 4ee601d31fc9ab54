"""Objects near the limit of their size: what was accepted can be completed, and nothing exceeds a row of DynamoDB."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from chalicelib.blobs.blob import Blob, to_document
from chalicelib.blobs.mime_types import MAX_PARAMETERS_CHARS, accepted_types
from chalicelib.blobs.mirror import MAX_GROWTH_BYTES, Mirror
from chalicelib.core.clock import system_clock
from chalicelib.core.ids import MAX_ID_CHARS
from chalicelib.core.json_codec import to_json
from chalicelib.mirroring.checking import Description
from chalicelib.mirroring.failures import Failure, of_request, refused
from chalicelib.mirroring.storing import Copied
from chalicelib.mirroring.worker import after_failure, completed
from chalicelib.objects.stored_object import MAX_DOCUMENT_BYTES, MAX_GROWN_BYTES
from chalicelib.outbound.errors import RequestFailed, RequestTimedOut
from tests.mirroring.scenes import Scene, reply_with

MAX_ITEM_BYTES = 400 * 1024
TEXT = (b"abcdefghi " * 410)[:4096]
BIG = "/v1/buckets/big/objects"
FIELDS = {name: {"type": "text"} for name in ("t0", "t1", "t2", "t3")}
# The longest of each: a checksum of another algorithm, a filename of quotes, and MIME types with all parameters.
CHECKSUM = "x" * 32 + ":" + "f" * 160
MIME_TYPE = f"{'a' * 127}/{'b' * 127}" + '"' * 10 + "c" * (MAX_PARAMETERS_CHARS - 10)


def size(blob: Blob) -> int:
    return len(to_json(to_document(blob)).encode())


def wish(checksum: str | None) -> Blob:
    """Returns a file at the shortest URL, which has not been copied yet."""
    url = "http://a.example"
    return Blob("blb_1", "poster", "text", url, mirror=Mirror("mir_1", url, checksum=checksum))


def longest_failures() -> list[Failure]:
    text = f"The content is declared as {MIME_TYPE}, and a field of type excel takes "
    longest = max((accepted_types(type_) for type_ in ("text", "image", "excel", "pdf")), key=len)
    return [
        of_request(RequestTimedOut(), 1),
        of_request(RequestFailed("invalid_response", "x" * 100), 1),
        refused("content_type_mismatch", f"{text}{longest}.").failure,
    ]


@pytest.mark.parametrize("checksum", [None, CHECKSUM])
def test_no_wish_adds_more_than_is_kept_for_it(checksum: str | None) -> None:
    key = f"blobs/{'b' * MAX_ID_CHARS}/{'o' * MAX_ID_CHARS}/mir_{'x' * 40}"
    description = Description(MIME_TYPE, '"' * 255)
    file = Copied(5 * 1024**3, "f" * 64, description, None, key, f"s3://{'s' * 63}/{key}", "DEEP_ARCHIVE")
    blob = wish(checksum)
    assert size(completed(blob, file)) - size(blob) <= MAX_GROWTH_BYTES
    for failure in longest_failures():
        after = after_failure(blob, failure, system_clock)
        assert after.mirror is not None
        assert blob.mirror is not None
        spent = blob.mirror.remaining_growth - after.mirror.remaining_growth
        assert size(after) - size(blob) <= spent <= MAX_GROWTH_BYTES
        if after.mirror.status == "PENDING":
            assert size(after) - size(blob) == spent
            assert size(completed(after, file)) - size(after) <= after.mirror.remaining_growth


def texts(property_: str, count: int) -> list[dict[str, Any]]:
    return [
        {"property": property_, "type": "text", "data": f"http://films.example.com/{number}"} for number in range(count)
    ]


@pytest.fixture
def big(scene: Scene) -> Scene:
    schema = {"properties": {**FIELDS, "v": {"type": "string"}, "w": {"type": "string"}}}
    assert scene.api.post("/v1/buckets", {"bucket_name": "big", "bucket_schema": schema}).status == 200
    return scene


def row_bytes(scene: Scene, object_id: str) -> int:
    rows = scene.world.client.scan(TableName=scene.world.settings.objects_table)["Items"]
    (row,) = (row for row in rows if row["object_id"]["S"] == object_id)
    return len(json.dumps(row, ensure_ascii=False).encode())


def test_what_is_accepted_is_completed_and_a_change_beyond_the_limit_is_a_422(big: Scene) -> None:
    big.host.reply(reply_with(TEXT, "Content-Type: text/plain"))
    made = big.api.post(BIG, {"v": "x" * 200_000, "blobs": texts("t0", 40)}).json
    changed = [big.api.put(f"{BIG}/{made['object_id']}", {"blobs": texts(name, 40)}) for name in ("t1", "t2")]
    assert [each.status for each in changed] == [200, 422]
    assert changed[1].error["details"]["validation_errors"][0]["type"] == "object_too_large"
    assert big.finish() == 80
    found = big.api.get(f"{BIG}/{made['object_id']}").json
    assert Counter(blob["properties"]["mirror"]["status"] for blob in found["blobs"]) == {"COMPLETED": 80}
    assert row_bytes(big, made["object_id"]) < MAX_ITEM_BYTES
    grown = big.api.put(f"{BIG}/{made['object_id']}", {"w": "x" * 200_000})
    assert grown.status == 422, grown.text


def test_an_object_without_room_for_the_file_fails(big: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    made = big.api.post(BIG, {"v": "x" * 200_000, "blobs": texts("t0", 1)}).json
    big.host.reply(reply_with(TEXT, "Content-Type: text/plain"))
    stored = big.world.services.objects.store.find_any(made["bucket_id"], made["object_id"])
    assert stored is not None
    # As if the object had been stored before there was a limit.
    monkeypatch.setattr("chalicelib.objects.stored_object.MAX_GROWN_BYTES", stored.stored_bytes + 200)
    monkeypatch.setattr("chalicelib.blobs.mirror.MAX_GROWTH_BYTES", 0)
    big.finish()
    (blob,) = big.api.get(f"{BIG}/{made['object_id']}").json["blobs"]
    assert blob["properties"]["mirror"]["error"]["code"] == "object_too_large"
    assert (big.keys(), big.queue.dead) == ([], [])


def test_the_limits_leave_room_for_fifty_urls() -> None:
    assert MAX_GROWN_BYTES - 50 * MAX_GROWTH_BYTES >= MAX_DOCUMENT_BYTES
