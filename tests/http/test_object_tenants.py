"""An object is accessible only in its own bucket, namespace and organization."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.access.models import ResourceScope
from chalicelib.http.operation import Operation
from tests.http.envelopes import assert_envelope
from tests.http.operations import OPERATIONS, body_of, each, path_of
from tests.support.api import Api, ApiResponse
from tests.support.object_rows import objects_table
from tests.support.objects import POSTER, SCHEMA, objects, text
from tests.support.world import World

OBJECT_ROUTES = [
    operation for operation in OPERATIONS if "/objects" in operation.path and "{batch_id}" not in operation.path
]
ONE_OBJECT = [operation for operation in OPERATIONS if "{object_identifier}" in operation.path]
UNKNOWN_OBJECT_ID = "obj_" + "z" * 26
SECRETS = ("scarlet data", "scarlet text", "scarlet/prefix")


@dataclass(frozen=True)
class TenantObject:
    """A bucket with one object of a tenant, and a client of the tenant."""

    api: Api
    bucket_id: str
    object_id: str

    @property
    def path(self) -> str:
        return objects(self.bucket_id, self.object_id)


def new_tenant_object(api: Api, mark: str, *, name: str = "posters", key: str = "tt1") -> TenantObject:
    unique_key = {"fields": ["film_id"], "default_policy": "insert"}
    bucket = {"bucket_name": name, "bucket_schema": SCHEMA, "unique_key": unique_key}
    bucket_id = api.post("/v1/buckets", bucket).json["bucket_id"]
    blobs = [POSTER, text(f"{mark} text")]
    body = {"film_id": key, "title": f"{mark} data", "blobs": blobs, "key_prefix": f"{mark}/prefix"}
    made = api.post(objects(bucket_id), body)
    assert made.status == 200, made.text
    return TenantObject(api, bucket_id, made.json["object_id"])


@pytest.fixture
def ours(world: World, api: Api) -> TenantObject:
    return new_tenant_object(api, "violet")


@pytest.fixture(params=["another organization", "another namespace"])
def theirs(request: pytest.FixtureRequest, world: World) -> TenantObject:
    """A bucket and an object of another tenant, with the same name and the same unique key."""
    if request.param == "another namespace":
        other_namespace = world.api(namespace="elsewhere")
        assert other_namespace.post("/v1/namespaces", {"namespace_name": "elsewhere"}).status == 200
        return new_tenant_object(other_namespace, "scarlet")
    rival = world.services.access.create_organization("Rival")
    api = world.api(key=world.key_for(rival.organization_id))
    assert api.post("/v1/namespaces", {"namespace_name": "films"}).status == 200
    return new_tenant_object(api, "scarlet")


def call(operation: Operation, api: Api, bucket: str, object_id: str) -> ApiResponse:
    """Calls the operation for an object. Bodies with object ids contain its id."""
    body: Any = body_of(operation)
    if operation.name.startswith("bulk_soft_delete"):
        body = {**body, "object_ids": [object_id]}
    if operation.name.startswith("create_object_"):
        body = {"film_id": "tt1"}
    return api.call(operation.method, path_of(operation, bucket=bucket, object_id=object_id), body)


@pytest.fixture
def untouched(world: World, theirs: TenantObject) -> Iterator[None]:
    """Checks after the test that the row and the blobs of the other tenant have not changed."""
    key = {"bucket_id": theirs.bucket_id, "object_id": theirs.object_id}
    before = objects_table(world).get(key)
    yield
    assert objects_table(world).get(key) == before
    assert before is not None
    signed = theirs.api.get(theirs.path).json["blobs"]
    for blob in signed:
        bucket, _, name = blob["properties"]["url"].removeprefix("s3://").partition("/")
        assert world.s3.get_object(Bucket=bucket, Key=name)["Body"].read()


@each(OBJECT_ROUTES)
@pytest.mark.usefixtures("untouched")
def test_the_bucket_of_another_tenant_is_not_found(
    ours: TenantObject, theirs: TenantObject, operation: Operation
) -> None:
    messages = set()
    for bucket in (theirs.bucket_id, "bkt_0000000000000000", "unknown"):
        for object_id in (theirs.object_id, ours.object_id, UNKNOWN_OBJECT_ID):
            reply = call(operation, ours.api, bucket, object_id)
            error = assert_envelope(reply, 404, "NotFoundError")
            assert error["details"] == {"resource": "bucket", "id": bucket}
            messages.add(error["message"])
    assert messages == {"Bucket not found"}


@each(ONE_OBJECT)
@pytest.mark.usefixtures("untouched")
def test_the_object_of_another_tenant_is_not_found(
    ours: TenantObject, theirs: TenantObject, operation: Operation
) -> None:
    for bucket in (ours.bucket_id, "posters"):
        for object_id in (theirs.object_id, UNKNOWN_OBJECT_ID):
            error = assert_envelope(call(operation, ours.api, bucket, object_id), 404, "NotFoundError")
            assert (error["message"], error["code"]) == ("Object not found", None)
            assert error["details"] == {"resource": "object", "id": object_id}


@each(ONE_OBJECT)
def test_an_object_is_not_found_in_another_bucket(ours: TenantObject, operation: Operation) -> None:
    other_bucket = new_tenant_object(ours.api, "violet", name="beside", key="tt1")
    before = ours.api.get(ours.path).json
    error = assert_envelope(call(operation, ours.api, other_bucket.bucket_id, ours.object_id), 404, "NotFoundError")
    assert error["details"] == {"resource": "object", "id": ours.object_id}
    assert ours.api.get(ours.path).json == before


@each(OBJECT_ROUTES)
@pytest.mark.usefixtures("untouched")
def test_responses_contain_no_data_of_another_tenant(
    ours: TenantObject, theirs: TenantObject, operation: Operation
) -> None:
    for bucket in (ours.bucket_id, "posters"):
        for object_id in (ours.object_id, theirs.object_id):
            reply = call(operation, ours.api, bucket, object_id)
            assert not [secret for secret in SECRETS if secret in reply.text]
            assert theirs.bucket_id not in reply.text


@pytest.mark.usefixtures("untouched")
def test_soft_deleting_objects_of_another_tenant_has_no_effect(ours: TenantObject, theirs: TenantObject) -> None:
    body = {"object_ids": [theirs.object_id, UNKNOWN_OBJECT_ID], "reason": "cleanup"}
    assert ours.api.post(f"{objects(ours.bucket_id)}/bulk-soft-delete", body).json["soft_deleted"] == 0


def test_the_same_identity_elsewhere_is_another_object(ours: TenantObject, theirs: TenantObject) -> None:
    # Both have the unique key tt1, the same idempotency key and the same content, without a conflict.
    assert ours.object_id != theirs.object_id
    made = []
    for tenant_object in (ours, theirs):
        bucket = tenant_object.api.post("/v1/buckets", {"bucket_name": "plain", "bucket_schema": SCHEMA}).json[
            "bucket_id"
        ]
        bodies: list[dict[str, Any]] = [{"idempotency_key": "row-1"}, {"skip_duplicates": True, "blobs": [POSTER]}]
        for body in bodies:
            made.append(tenant_object.api.post(objects(bucket), body).json["object_id"])
    assert len(set(made)) == 4


@each(OBJECT_ROUTES)
@pytest.mark.usefixtures("untouched")
def test_a_key_with_a_bucket_scope_can_access_objects_in_that_bucket_only(
    world: World, ours: TenantObject, theirs: TenantObject, operation: Operation
) -> None:
    other_bucket = new_tenant_object(ours.api, "scarlet", name="beside")
    key = world.key_for(world.organization_id, scopes=[ResourceScope("bucket", ours.bucket_id)])
    scoped = ours.api.using(key=key)
    for bucket, object_id in (
        (other_bucket.bucket_id, other_bucket.object_id),
        (other_bucket.bucket_id, ours.object_id),
        ("beside", other_bucket.object_id),
        (theirs.bucket_id, theirs.object_id),
        ("bkt_0000000000000000", UNKNOWN_OBJECT_ID),
    ):
        reply = call(operation, scoped, bucket, object_id)
        assert_envelope(reply, 404, "NotFoundError")
        assert not [secret for secret in SECRETS if secret in reply.text]
    assert other_bucket.api.get(other_bucket.path).json["title"] == "scarlet data"
    assert call(operation, scoped, ours.bucket_id, ours.object_id).status not in (401, 403, 404)


@each(OBJECT_ROUTES)
def test_a_key_with_read_permission_cannot_change_an_object(
    world: World, ours: TenantObject, operation: Operation
) -> None:
    reader = ours.api.using(key=world.key_for(world.organization_id, "read"))
    reply = call(operation, reader, ours.bucket_id, ours.object_id)
    assert (reply.status == 403) is (operation.permission != "read"), reply.text
    assert ours.api.get(ours.path).headers["ETag"].endswith('-1"')
