"""Runs two requests in one order, or one of them during a write of the other, and describes the results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError

from chalicelib import keys
from chalicelib.aws.dynamodb.expressions import equals
from chalicelib.batches.reading import BatchReader
from chalicelib.buckets.bucket import to_item as bucket_row
from chalicelib.http.operation import Operation
from chalicelib.keys import partition
from chalicelib.namespaces.namespace import to_item as namespace_row
from chalicelib.objects.stored_object import to_item as object_row
from tests.faults.operation_requests import BODY, REQUESTS, OperationRequest
from tests.http.operations import BATCH_ID, DELIVERY_ID, OBJECT_ID, OPERATIONS, TASK_ID, UPLOAD_ID
from tests.support.api import Api, ApiResponse
from tests.support.catalog import catalog
from tests.support.faults import ENDPOINT
from tests.support.objects import create_object_bucket, created
from tests.support.world import World

WRITE_CALLS = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
BY_NAME = {operation.name: operation for operation in OPERATIONS}
# What differs between two runs of the same requests: ids with revisions, times, and the numbers in generated names.
MASKS = (
    (re.compile(r"\b(bkt|blob|btch|dlv|grp|m|ns|obj|task|upl)_[0-9a-z]{10,}(-\d+[-.0-9]*)?"), r"\1_ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z"), "TIME"),
    (re.compile(r"(?<=[a-z]) \d{5}\b"), " NUMBER"),
    (re.compile(r'"duration_ms": \d+'), '"duration_ms": NUMBER'),
    (re.compile(r'"(claim|content)": "[^"]+"'), r'"\1": "RANDOM"'),
    (re.compile(r'"ttl": \d+'), '"ttl": NUMBER'),
    (re.compile(r"whsec_[A-Za-z0-9+/=]+"), "SECRET"),
    (re.compile(r"\?X-Amz-[^\"\\]+"), "?SIGNED"),
    # The response to the creation of a batch reads the ids that were stored, which may have been removed already.
    (re.compile(r'"object_ids": (null|\[[^\]]*\])'), '"object_ids": IDS'),
)
# What the other client sends instead of the values in the example requests, so that it is visible whose write stands.
THEIRS = {"title": "Theirs", "description": "Theirs", "take": 9, "data": "Theirs", "reason": "theirs"}
# The kinds of resources, each with those that contain it or, for tasks, work on it.
KINDS = {
    "tasks": (),
    "namespaces": ("tasks",),
    "buckets": ("namespaces",),
    "batches": ("buckets", "tasks"),
    "objects": ("buckets",),
}
# Attributes of a bucket that no client sees.
UNSEEN = ("in_use", "unused_since")
NAMES = ("bucket_name", "namespace_name")


def operation_of(name: str) -> Operation:
    """The operation of a request in REQUESTS."""
    return BY_NAME[name.partition(" ")[0]]


def is_write(name: str) -> bool:
    """Whether the operation of a request changes something."""
    operation = operation_of(name)
    return operation.method != "GET" and not operation.path.endswith("/list")


def may_conflict(ours: str, theirs: str) -> bool:
    """Whether the resources of both are of the same kind, or those of one contain those of the other."""
    first, second = (_kind(operation_of(name).path) for name in (ours, theirs))
    return first == second or first in KINDS[second] or second in KINDS[first]


def is_about_batches(name: str) -> bool:
    """Whether the operation of a request is about batches."""
    return _kind(operation_of(name).path) == "batches"


def is_about_adapters(name: str) -> bool:
    """Whether the operation of a request is about source adapters and their deliveries."""
    path = operation_of(name).path
    return "/source-adapter" in path or "/webhooks/" in path


def is_about_uploads(name: str) -> bool:
    """Whether the operation of a request is about uploads."""
    return "/uploads" in operation_of(name).path


def _kind(path: str) -> str:
    if "/webhooks/" in path:
        return "objects"
    if "/batches" in path:
        return "batches"
    return next(kind for kind in reversed(KINDS) if f"/{kind}" in path)


@dataclass(frozen=True)
class Outcome:
    """Our response, the response to the other client, and the stored state. Ids, times and numbers are masked."""

    ours: str
    theirs: str
    state: str


@dataclass(frozen=True)
class Scenario:
    """Our request with its resources, in a namespace of its own, and the request of another client on the same ones."""

    world: World
    api: Api
    ours: OperationRequest
    path_variables: Mapping[str, str]
    their_operation: Operation
    their_body: Any
    their_query: Mapping[str, Any]
    their_headers: Mapping[str, str]

    def send_ours(self) -> ApiResponse:
        return self.ours.send(self.api)

    def send_theirs(self) -> ApiResponse:
        path = self.their_operation.path
        for variable in re.findall(r"{(\w+)}", path):
            path = path.replace(f"{{{variable}}}", self._target(variable))
        body = json.loads(re.sub(r"obj_[0-9a-z]{26}", self._object_id(), json.dumps(self.their_body)))
        return self.api.call(
            self.their_operation.method, path, body, query=self.their_query, headers=self.their_headers
        )

    def state(self) -> str:
        """All rows of the namespace, and of one that the requests created or renamed."""
        return masked(sorted(map(masked, self._rows())))

    def _rows(self) -> Iterator[dict[str, Any]]:
        organization, services = self.world.organization_id, self.world.services
        names = {self.api.namespace, (self.ours.body or {}).get("namespace_name")} - {None}
        found = (services.namespaces.store.find(organization, str(name)) for name in names)
        for namespace in {each.namespace_id: each for each in found if each is not None}.values():
            yield namespace_row(namespace)
            for bucket in services.buckets.store.rows.all(partition(organization, namespace.namespace_id)):
                yield {name: value for name, value in bucket_row(bucket).items() if name not in UNSEEN}
                yield from map(object_row, services.objects.store.walk(bucket.bucket_id))
                yield from self._batch_rows(namespace.namespace_id, bucket.bucket_id)
                place = partition(organization, namespace.namespace_id)
                yield from catalog(self.world).query(equals("pk", keys.deliveries(place, bucket.bucket_id)))

    def _batch_rows(self, namespace_id: str, bucket_id: str) -> Iterator[dict[str, Any]]:
        """All rows of the batches of a bucket. The number of their activity only has to change."""
        batches = keys.batches(partition(self.world.organization_id, namespace_id), bucket_id)
        for row in catalog(self.world).query(equals("pk", batches)):
            yield {name: value for name, value in row.items() if row["sk"] != "#ACTIVITY" or name != "revision"}

    def _target(self, variable: str) -> str:
        """The resource of our request. If our request creates it, its name, or the id that it has once it exists."""
        if variable in self.path_variables:
            return self.path_variables[variable]
        body = self.ours.body or {}
        if variable == "bucket_identifier" and "batch_id" in self.path_variables:
            return self._reader.locate(self.world.organization_id, self.path_variables["batch_id"]).identifier
        if variable == "namespace_identifier":
            return str(body.get("namespace_name") or self.api.namespace)
        if variable == "bucket_identifier":
            return str(body.get("bucket_name") or self._bucket_id())
        if variable == "object_identifier":
            return self._object_id()
        if variable == "batch_id":
            return self._batch_id()
        if variable in ("task_id", "upload_id"):
            return self._task_id() if variable == "task_id" else self._upload_id()
        # Raises KeyError for a new variable, which needs a value here.
        return {"adapter_type": "generic_webhook", "bucket_id": self._bucket_id(), "delivery_id": DELIVERY_ID}[variable]

    def _bucket_id(self) -> str:
        for variable in ("bucket_identifier", "bucket_id"):
            if variable in self.path_variables:
                return self.path_variables[variable]
        inside = partition(self.world.organization_id, str(self.api.namespace))
        oldest = next(iter(self.world.services.buckets.store.rows.all(inside)), None)
        return oldest.bucket_id if oldest else "no-such-bucket"

    def _object_id(self) -> str:
        if "object_identifier" in self.path_variables:
            return self.path_variables["object_identifier"]
        if ids := (self.ours.body or {}).get("object_ids"):
            return str(ids[0])
        newest = max(
            self.world.services.objects.store.walk(self._bucket_id()), key=lambda each: each.created_at, default=None
        )
        return newest.object_id if newest else OBJECT_ID

    def _batch_id(self) -> str:
        """The newest batch in the bucket of our request."""
        bucket_id = self.path_variables.get("bucket_identifier", "no-such-bucket")
        batches = self.world.services.batches.batches
        place = partition(self.world.organization_id, str(self.api.namespace))
        return next((each.batch.batch_id for each in batches.store.walk(keys.batches(place, bucket_id))), BATCH_ID)

    def _upload_id(self) -> str:
        """The newest upload in the bucket of our request."""
        rows = keys.uploads(partition(self.world.organization_id, str(self.api.namespace)), self._bucket_id())
        found = self.world.services.uploads.store.walk(rows, descending=True)
        return next((each.upload_id for each in found), UPLOAD_ID)

    @property
    def _reader(self) -> BatchReader:
        return self.world.services.batches.reader

    def _task_id(self) -> str:
        ours = self.path_variables.values()
        tasks = self.world.services.tasks.walk(self.world.organization_id)
        return next((task.task_id for task in tasks if any(each in ours for each in task.inputs)), TASK_ID)


class Scenarios:
    """Creates scenarios in one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._api = world.api()
        self._templates: dict[str, OperationRequest] = {}
        self._numbers = count()

    def template(self, name: str) -> OperationRequest:
        """An example of a request, with resources of its own."""
        if name not in self._templates:
            self._templates[name] = REQUESTS[name](self._api)
        return self._templates[name]

    def new(self, ours: str, theirs: str) -> Scenario:
        """A new scenario. The other request has other values than ours, but the name in ours if there is one.

        If our request is about an existing namespace, the namespace has a bucket with an object for the other request.
        """
        number = f"{next(self._numbers):05}"
        made = self._api.post("/v1/namespaces", {"namespace_name": f"scenario {number}"})
        api = self._api.using(namespace=made.json["namespace_id"])
        request = REQUESTS[ours](api)
        variables = _variables(operation_of(ours), request.path)
        if "namespace_identifier" in variables:
            api = api.using(namespace=variables["namespace_identifier"])
            created(api, create_object_bucket(api), BODY)
        template = self.template(theirs)
        names = {name: (request.body or {}).get(name) or f"theirs {number}" for name in NAMES}
        return Scenario(
            self._world,
            api,
            request,
            variables,
            operation_of(theirs),
            _their_body(template.body, names),
            template.query,
            template.headers,
        )


def in_order(scenario: Scenario, *, ours_first: bool) -> Outcome:
    """The outcome of one request after the other, without faults."""
    ours = scenario.send_ours() if ours_first else None
    theirs = scenario.send_theirs()
    ours = ours or scenario.send_ours()
    return Outcome(described(ours), described(theirs), scenario.state())


def alone(scenario: Scenario, *, ours: bool) -> Outcome:
    """The outcome of one of the requests without the other one."""
    reply = described(scenario.send_ours() if ours else scenario.send_theirs())
    return Outcome(reply if ours else "", "" if ours else reply, scenario.state())


def had_no_effect(response: str) -> bool:
    """Whether a response, as described, says that nothing was stored and the request can be repeated."""
    return response.endswith('"status": 503}') and '"code": null' in response


def writes_of(scenario: Scenario) -> int:
    """How many writes our request makes without the other client."""
    calls: list[str] = []

    def record(model: Any, **_: Any) -> None:
        calls.append(model.name)

    events = scenario.world.client.meta.events
    events.register("before-call.dynamodb", record)
    try:
        scenario.send_ours()
    finally:
        events.unregister("before-call.dynamodb", record)
    return sum(call in WRITE_CALLS for call in calls)


def with_theirs_at(scenario: Scenario, number: int, *, lost: bool) -> tuple[ApiResponse, Outcome]:
    """Our response, and the outcome, if the other request is sent during our write with this number.

    With `lost`, it is sent after the write was applied, and the response to the write is lost. Otherwise it is sent
    before the write.
    """
    replies: list[ApiResponse] = []
    with _interrupted(scenario.world, number, lambda: replies.append(scenario.send_theirs()), lost=lost):
        ours = scenario.send_ours()
    (theirs,) = replies
    return ours, Outcome(described(ours), described(theirs), scenario.state())


@contextmanager
def _interrupted(world: World, number: int, act: Callable[[], object], *, lost: bool) -> Iterator[None]:
    """Calls `act` during the write with this number, of those that are sent meanwhile."""
    writes, events = [0], world.client.meta.events
    sent: dict[str, Any] = {}

    def before(model: Any, params: Mapping[str, Any], **_: Any) -> Any:
        if model.name not in WRITE_CALLS:
            return None
        if "response" in sent and params["body"] == sent.get("body"):
            # DynamoDB applies a transaction with the same token once, also if its rows are gone. The engine does not.
            return AWSResponse(ENDPOINT, 200, HTTPHeaders(), None), sent["response"]
        writes[0] += 1
        if model.name == "TransactWriteItems" and writes[0] == number:
            sent["body"] = params["body"]
        if not lost and writes[0] == number:
            act()
        return None

    def after(model: Any, parsed: Any, **_: Any) -> None:
        if lost and model.name in WRITE_CALLS and writes[0] == number:
            writes[0] += 1
            sent["response"] = dict(parsed)
            act()
            raise ConnectionClosedError(endpoint_url=ENDPOINT)

    events.register("before-call.dynamodb", before)
    events.register("after-call.dynamodb", after)
    try:
        yield
    finally:
        events.unregister("before-call.dynamodb", before)
        events.unregister("after-call.dynamodb", after)


def is_unsettled(reply: ApiResponse) -> bool:
    """Whether the response says that the outcome is unknown, or that of a row of a bulk create is."""
    if reply.status == 503:
        return bool(reply.error["code"] == "unsettled")
    rows = reply.json.get("failed") if reply.text else None
    if not isinstance(rows, list):  # a bulk submit only counts them
        return False
    return any(row.get("error_type") == "ServiceUnavailableError" for row in rows)


def described(reply: ApiResponse) -> str:
    return masked({"status": reply.status, "body": reply.text and reply.json})


def masked(value: Any) -> str:
    """A value as text, without what differs between two runs."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    return text


def _variables(operation: Operation, path: str) -> dict[str, str]:
    """The values of the path variables of an operation."""
    match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.path), path)
    assert match is not None, (operation.path, path)
    return match.groupdict()


def _their_body(body: Any, names: Mapping[str, str]) -> Any:
    """The body with the values of another client. Objects, such as the schema of a field, are not replaced."""
    if isinstance(body, list):
        return [_their_body(each, names) for each in body]
    if not isinstance(body, dict):
        return body
    replaced = {**THEIRS, **names}
    return {
        name: replaced[name] if name in replaced and not isinstance(value, dict) else _their_body(value, names)
        for name, value in body.items()
    }
