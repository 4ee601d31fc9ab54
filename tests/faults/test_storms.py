"""Many clients change one resource at the same time while responses of DynamoDB are lost.

The stream of the table shows which writes were applied. It is compared with what the clients received.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from chalicelib import wiring
from chalicelib.aws.dynamodb.table import Table
from tests.support.api import Api, ApiResponse
from tests.support.faults import ENDPOINT
from tests.support.objects import create, create_keyed_bucket, created, objects
from tests.support.pump import Record
from tests.support.racing import run_concurrently
from tests.support.world import World, bucket_body, new_world

CLIENTS, REQUESTS_PER_CLIENT = 8, 12
WRITE_CALLS = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    """A world whose tables do not wait between attempts."""
    monkeypatch.setattr(wiring, "Table", partial(Table, sleep=lambda seconds: None))
    return new_world(*(request.getfixturevalue(name) for name in ("client", "tables", "s3", "blob_bucket")))


@contextmanager
def losses(world: World) -> Iterator[None]:
    """A third of the writes get no response: most of them after they were applied, some before."""
    chance, events = random.Random(14), world.client.meta.events

    def lose(fraction: float, **_: Any) -> None:
        if chance.random() < fraction:
            raise ConnectionClosedError(endpoint_url=ENDPOINT)

    handlers = [
        (f"{when}-call.dynamodb.{call}", partial(lose, fraction))
        for call in WRITE_CALLS
        for when, fraction in (("before", 0.1), ("after", 0.25))
    ]
    for event, handler in handlers:
        events.register(event, handler)
    yield
    for event, handler in handlers:
        events.unregister(event, handler)


@dataclass(frozen=True)
class Sent:
    """A request with a text that only this request contains, and its response."""

    kind: str
    text: str
    reply: ApiResponse

    @property
    def succeeded(self) -> bool:
        return self.reply.status in (200, 204)

    @property
    def unsettled(self) -> bool:
        return self.reply.status == 503 and self.reply.error["code"] == "unsettled"


Request = tuple[str, Callable[[str], ApiResponse]]


def storm(requests: Sequence[Request]) -> list[Sent]:
    """Sends requests from several clients at the same time, in another order for each client."""

    def client(number: int) -> list[Sent]:
        chance = random.Random(number)
        sent = []
        for index in range(REQUESTS_PER_CLIENT):
            kind, send = chance.choice(requests)
            text = f"text-{number}-{index}-end"
            sent.append(Sent(kind, text, send(text)))
        return sent

    return [each for sent in run_concurrently([partial(client, number) for number in range(CLIENTS)]) for each in sent]


def check_texts(sent: Sequence[Sent], records: Sequence[Record]) -> None:
    """What succeeded was written, and what was rejected was not."""
    written = [str(record["dynamodb"].get("NewImage")) for record in records]
    for each in sent:
        if each.kind == "delete" or each.unsettled:
            continue
        assert any(each.text in image for image in written) is each.succeeded, (each.kind, each.text, each.reply.text)
    assert {each.succeeded for each in sent} == {True, False}
    assert any(each.unsettled for each in sent)


def with_etag(api: Api, method: str, path: str, body: Any = None) -> ApiResponse:
    """Sends a request on condition of the state that was read before, if there is one."""
    etag = api.get(path).headers.get("ETag")
    return api.call(method, path, body, headers={"If-Match": etag} if etag else {})


def test_each_request_for_an_object_is_applied_once_or_not_at_all(impatient: World) -> None:
    api = impatient.api()
    bucket = create_keyed_bucket(api, "film_id")
    path = objects(bucket, created(api, bucket, {"film_id": "m"}, policy="insert")["object_id"])
    impatient.pump.objects.new()
    requests: list[Request] = [
        ("insert", lambda text: create(api, bucket, {"film_id": "m", "title": text}, policy="insert")),
        ("insert", lambda text: create(api, bucket, {"film_id": "m", "title": text}, policy="insert")),
        ("upsert", lambda text: create(api, bucket, {"film_id": "m", "title": text}, policy="upsert")),
        ("patch", lambda text: with_etag(api, "PATCH", path, {"title": text})),
        ("delete", lambda text: api.call("DELETE", path)),
        ("delete", lambda text: with_etag(api, "DELETE", path)),
    ]
    with losses(impatient):
        sent = storm(requests)

    records = impatient.pump.objects.new()
    check_texts(sent, records)
    created_marks = [
        record["dynamodb"]["NewImage"]["mark"]["S"] for record in records if "OldImage" not in record["dynamodb"]
    ]
    assert len(created_marks) == len(set(created_marks)), "a deleted object was restored"
    removed = sum("NewImage" not in record["dynamodb"] for record in records)
    deletes = [each for each in sent if each.kind == "delete"]
    assert 0 < removed <= sum(each.succeeded or each.unsettled for each in deletes)


@pytest.mark.parametrize("resource", ["bucket", "namespace"])
def test_each_change_of_a_bucket_or_a_namespace_is_applied_once_or_not_at_all(impatient: World, resource: str) -> None:
    api = impatient.api()
    new = bucket_body() if resource == "bucket" else {"namespace_name": "prints"}
    path = f"/v1/{resource}s"
    path = f"{path}/{api.post(path, new).json[f'{resource}_id']}"
    impatient.pump.catalog.new()
    requests: list[Request] = [
        ("patch", lambda text: api.patch(path, {"description": text})),
        ("patch", lambda text: with_etag(api, "PATCH", path, {"description": text})),
        ("rename", lambda text: with_etag(api, "PATCH", path, {f"{resource}_name": text})),
    ]
    with losses(impatient):
        sent = storm(requests)

    records = impatient.pump.catalog.new()
    check_texts(sent, records)
    images = [record["dynamodb"].get("NewImage", {}) for record in records]
    revisions = [image["revision"]["N"] for image in images if "settings" in image]
    assert len(revisions) == len(set(revisions))
