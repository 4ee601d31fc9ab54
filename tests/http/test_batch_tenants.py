"""A batch is accessible only in its own bucket, namespace and organization, and contains only objects of its bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib import keys
from chalicelib.access.models import ResourceScope
from chalicelib.aws.dynamodb.expressions import equals
from chalicelib.http.operation import Operation
from tests.http.envelopes import assert_envelope
from tests.http.operations import OPERATIONS, body_of, each, path_of
from tests.support.api import Api, ApiResponse
from tests.support.batches import new_batch_world
from tests.support.catalog import catalog, partition_of
from tests.support.objects import create_object_bucket, created
from tests.support.world import World

ONE_BATCH = [operation for operation in OPERATIONS if "{batch_id}" in operation.path]
IN_BUCKET = [operation for operation in ONE_BATCH if "{bucket_identifier}" in operation.path]
OF_ORGANIZATION = [operation for operation in ONE_BATCH if operation.scope == "organization"]
UNKNOWN_BATCH_ID = "btch_" + "z" * 16
SECRET = "scarlet note"


@dataclass(frozen=True)
class TenantBatch:
    """A bucket with an object and a draft of it, of a tenant with this client."""

    api: Api
    bucket_id: str
    object_id: str
    batch_id: str

    @property
    def batches(self) -> str:
        return f"/v1/buckets/{self.bucket_id}/batches"

    def read(self) -> Any:
        return self.api.get(f"{self.batches}/{self.batch_id}").json


def new_tenant_batch(api: Api, name: str = "posters") -> TenantBatch:
    bucket_id = create_object_bucket(api, name)
    object_id = created(api, bucket_id)["object_id"]
    body = {"object_ids": [object_id], "metadata": {"notes": SECRET}}
    made = api.post(f"/v1/buckets/{bucket_id}/batches", body)
    assert made.status == 200, made.text
    return TenantBatch(api, bucket_id, object_id, made.json["batch_id"])


@pytest.fixture
def ours(api: Api) -> TenantBatch:
    return new_tenant_batch(api)


@pytest.fixture(params=["another organization", "another namespace", "another bucket"])
def theirs(request: pytest.FixtureRequest, world: World) -> TenantBatch:
    """A batch that must not be found in our bucket."""
    if request.param == "another bucket":
        return new_tenant_batch(world.api(), "beside")
    if request.param == "another namespace":
        api = world.api(namespace="elsewhere")
        assert api.post("/v1/namespaces", {"namespace_name": "elsewhere"}).status == 200
        return new_tenant_batch(api)
    return new_tenant_batch(rival_of(world))


def rival_of(world: World) -> Api:
    """Returns a client of another organization, in a namespace with the same name."""
    rival = world.services.access.create_organization("Rival")
    api = world.api(key=world.key_for(rival.organization_id))
    assert api.post("/v1/namespaces", {"namespace_name": "films"}).status == 200
    return api


def call(operation: Operation, api: Api, bucket: str, batch_id: str) -> ApiResponse:
    return api.call(operation.method, path_of(operation, bucket=bucket, batch_id=batch_id), body_of(operation))


def assert_unknown(reply: ApiResponse, batch_id: str) -> None:
    error = assert_envelope(reply, 404, "NotFoundError")
    assert error["details"] == {"resource": "batch", "id": batch_id}
    assert SECRET not in reply.text


@each(IN_BUCKET)
def test_a_batch_is_not_found_in_another_bucket(ours: TenantBatch, theirs: TenantBatch, operation: Operation) -> None:
    if operation.name.startswith("add_objects"):
        operation_body = {"object_ids": [ours.object_id]}  # an object that exists, so only the batch is missing
        path = path_of(operation, bucket=ours.bucket_id, batch_id=theirs.batch_id)
        assert_unknown(ours.api.post(path, operation_body), theirs.batch_id)
    else:
        before = theirs.read()
        for bucket in (ours.bucket_id, "posters"):
            for batch_id in (theirs.batch_id, UNKNOWN_BATCH_ID):
                assert_unknown(call(operation, ours.api, bucket, batch_id), batch_id)
        assert theirs.read() == before
    reply = call(operation, ours.api.using(namespace="films"), "bkt_0000000000000000", theirs.batch_id)
    assert assert_envelope(reply, 404, "NotFoundError")["details"]["resource"] == "bucket"


@each(OF_ORGANIZATION)
def test_a_batch_of_another_organization_is_not_found(world: World, ours: TenantBatch, operation: Operation) -> None:
    api = rival_of(world)
    before = ours.read()
    for batch_id in (ours.batch_id, UNKNOWN_BATCH_ID):
        for client in (api, api.using(namespace="")):
            assert_unknown(call(operation, client, "posters", batch_id), batch_id)
    assert ours.read() == before
    assert api.using(namespace="").post("/v1/batches/list", {"bucket_id": ours.bucket_id}).json["results"] == []


@each(OF_ORGANIZATION)
def test_the_header_narrows_an_operation_of_the_organization(
    world: World, ours: TenantBatch, operation: Operation
) -> None:
    assert ours.api.post("/v1/namespaces", {"namespace_name": "elsewhere"}).status == 200
    assert_unknown(call(operation, ours.api.using(namespace="elsewhere"), "posters", ours.batch_id), ours.batch_id)
    assert call(operation, ours.api, "posters", ours.batch_id).status == 200


@each(OF_ORGANIZATION)
def test_a_key_with_scopes_cannot_use_an_operation_of_the_organization(
    world: World, ours: TenantBatch, operation: Operation
) -> None:
    for scope in (("bucket", ours.bucket_id), ("namespace", "films")):
        key = world.key_for(world.organization_id, scopes=[ResourceScope(*scope)])
        reply = call(operation, ours.api.using(key=key), "posters", ours.batch_id)
        assert assert_envelope(reply, 403, "ForbiddenError")["code"] == "out_of_scope"


@each(IN_BUCKET)
def test_a_key_with_a_bucket_scope_finds_only_the_batches_of_that_bucket(
    world: World, ours: TenantBatch, theirs: TenantBatch, operation: Operation
) -> None:
    key = world.key_for(world.organization_id, scopes=[ResourceScope("bucket", ours.bucket_id)])
    scoped = ours.api.using(key=key)
    before = theirs.read()
    for bucket in (theirs.bucket_id, "beside", "bkt_0000000000000000"):
        reply = call(operation, scoped, bucket, theirs.batch_id)
        assert_envelope(reply, 404, "NotFoundError")
        assert SECRET not in reply.text
    assert theirs.read() == before
    assert call(operation, scoped, ours.bucket_id, ours.batch_id).status not in (401, 403)


@each(ONE_BATCH)
def test_a_key_needs_the_permission_of_the_operation(world: World, ours: TenantBatch, operation: Operation) -> None:
    before = ours.read()
    reader = ours.api.using(key=world.key_for(world.organization_id, "read"))
    reply = call(operation, reader, ours.bucket_id, ours.batch_id)
    assert (reply.status == 403) is (operation.permission != "read"), reply.text
    assert ours.read() == before


def test_objects_of_another_bucket_are_not_accepted(ours: TenantBatch, theirs: TenantBatch) -> None:
    for path in (ours.batches, f"{ours.batches}/{ours.batch_id}/objects"):
        reply = ours.api.post(path, {"object_ids": [ours.object_id, theirs.object_id]})
        error = assert_envelope(reply, 404, "NotFoundError")
        assert (error["code"], error["details"]["object_ids"]) == ("objects_not_found", [theirs.object_id])
    assert ours.read()["object_ids"] == [ours.object_id]
    assert len(ours.api.post(f"{ours.batches}/list").json["results"]) == 1


UNUSUAL_IDS = [
    "%00",
    "%25",
    "*",
    "%ED%A0%80",
    "%F0%9F%98%80",
    "..%2f..",
    "x" * 3_000,
    "%23ACTIVITY",
    "btch_",
    "BATCH%23x",
]


@each(ONE_BATCH)
def test_an_unusual_id_is_not_found(ours: TenantBatch, operation: Operation) -> None:
    for id_ in UNUSUAL_IDS:
        path = path_of(operation, bucket=ours.bucket_id, batch_id=id_)
        body = {"object_ids": [ours.object_id]} if operation.name.startswith("add_objects") else body_of(operation)
        assert_envelope(ours.api.call(operation.method, path, body), 404, "NotFoundError")


@each(ONE_BATCH)
def test_an_id_cannot_be_the_key_of_another_row(world: World, operation: Operation) -> None:
    """The keys of all rows of a batch contain its id, so the id in a path could be a part of one of these keys."""
    run = new_batch_world(world)
    ours = new_tenant_batch(run.api)
    assert run.api.post(f"{ours.batches}/{ours.batch_id}/submit").status == 200
    run.pump()
    rows = [row["sk"] for row in catalog(world).query(equals("pk", batches_of(world, ours)))]
    suffixes = [sk.partition("#")[2] for sk in rows]
    assert any(suffix.startswith(f"{ours.batch_id}#") for suffix in suffixes)
    for forged in {*rows, *suffixes} - {ours.batch_id, ""}:
        path = path_of(operation, bucket=ours.bucket_id, batch_id=quote(forged, safe=""))
        body = {"object_ids": [ours.object_id]} if operation.name.startswith("add_objects") else body_of(operation)
        assert_envelope(run.api.call(operation.method, path, body), 404, "NotFoundError")


def batches_of(world: World, batch: TenantBatch) -> str:
    return keys.batches(partition_of(world), batch.bucket_id)
