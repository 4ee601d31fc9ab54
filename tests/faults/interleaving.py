"""Runs two requests in one order, or one of them during a write of the other, and describes the results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from botocore.exceptions import ConnectionClosedError

from chalicelib.buckets.bucket import to_item as bucket_row
from chalicelib.http.operation import Operation
from chalicelib.keys import partition
from chalicelib.namespaces.namespace import to_item as namespace_row
from chalicelib.objects.stored_object import to_item as object_row
from tests.faults.operation_requests import REQUESTS, OperationRequest
from tests.http.operations import OBJECT_ID, OPERATIONS, TASK_ID
from tests.support.api import Api, ApiResponse
from tests.support.faults import ENDPOINT
from tests.support.world import World

WRITE_CALLS = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
BY_NAME = {operation.name: operation for operation in OPERATIONS}
# What differs between two runs of the same requests: ids with revisions, times, and the numbers in generated names.
MASKS = (
    (re.compile(r"\b(bkt|blob|m|ns|obj|task)_[0-9a-z]{10,}(-\d+[-.0-9]*)?"), r"\1_ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z"), "TIME"),
    (re.compile(r"(?<=[a-z]) \d{5}\b"), " NUMBER"),
)
# What the other client sends instead of the values in the example requests, so that it is visible whose write stands.
THEIRS = {"title": "Theirs", "description": "Theirs", "take": 9, "data": "Theirs", "reason": "theirs"}
# From the outside to the inside.
KINDS = ("tasks", "namespaces", "buckets", "objects")
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
    first, second = (KINDS.index(_kind(operation_of(name).path)) for name in (ours, theirs))
    return abs(first - second) <= 1


def _kind(path: str) -> str:
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

    def send_ours(self) -> ApiResponse:
        return self.ours.send(self.api)

    def send_theirs(self) -> ApiResponse:
        path = self.their_operation.path
        for variable in re.findall(r"{(\w+)}", path):
            path = path.replace(f"{{{variable}}}", self._target(variable))
        body = json.loads(re.sub(r"obj_[0-9a-z]{26}", self._object_id(), json.dumps(self.their_body)))
        return self.api.call(self.their_operation.method, path, body, query=self.their_query)

    def state(self) -> str:
        """All rows of the namespace, and of one that the requests created or renamed."""
        return masked(sorted(map(masked, self._rows())))

    def _rows(self) -> Iterator[dict[str, Any]]:
        organization, services = self.world.organization_id, self.world.services
        names = {self.api.namespace, (self.ours.body or {}).get("namespace_name")} - {None}
        found = (services.namespaces.store.find(organization, str(name)) for name in names)
        for namespace in {each.namespace_id: each for each in found if each is not None}.values():
            yield namespace_row(namespace)
            for bucket in services.buckets.store.walk(
                partition(organization, namespace.namespace_id), descending=False
            ):
                yield {name: value for name, value in bucket_row(bucket).items() if name not in UNSEEN}
                yield from map(object_row, services.objects.store.walk(bucket.bucket_id))

    def _target(self, variable: str) -> str:
        """The resource of our request. If our request creates it, its name, or the id that it has once it exists."""
        if variable in self.path_variables:
            return self.path_variables[variable]
        body = self.ours.body or {}
        if variable == "namespace_identifier":
            return str(body.get("namespace_name") or self.api.namespace)
        if variable == "bucket_identifier":
            return str(body.get("bucket_name") or "no-such-bucket")
        if variable == "object_identifier":
            return self._object_id()
        assert variable == "task_id", f"this function needs a value for the path variable {variable}"
        return self._task_id()

    def _object_id(self) -> str:
        if "object_identifier" in self.path_variables:
            return self.path_variables["object_identifier"]
        if ids := (self.ours.body or {}).get("object_ids"):
            return str(ids[0])
        bucket_id = self.path_variables.get("bucket_identifier", "no-such-bucket")
        newest = max(self.world.services.objects.store.walk(bucket_id), key=lambda each: each.created_at, default=None)
        return newest.object_id if newest else OBJECT_ID

    def _task_id(self) -> str:
        ours = set(self.path_variables.values())
        tasks = self.world.services.tasks.walk(self.world.organization_id)
        return next((task.task_id for task in tasks if ours & set(task.inputs)), TASK_ID)


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
        """A new scenario. The other request has other values than ours, but the name in ours if there is one."""
        number = f"{next(self._numbers):05}"
        created = self._api.post("/v1/namespaces", {"namespace_name": f"scenario {number}"})
        api = self._api.using(namespace=created.json["namespace_id"])
        request = REQUESTS[ours](api)
        variables = _variables(operation_of(ours), request.path)
        if "namespace_identifier" in variables:
            api = api.using(namespace=variables["namespace_identifier"])
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

    def before(model: Any, **_: Any) -> None:
        if model.name in WRITE_CALLS:
            writes[0] += 1
            if not lost and writes[0] == number:
                act()

    def after(model: Any, **_: Any) -> None:
        if lost and model.name in WRITE_CALLS and writes[0] == number:
            writes[0] += 1
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
    return any(row["error_type"] == "ServiceUnavailableError" for row in rows or ())


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
