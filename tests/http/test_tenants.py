"""No operation gives access to another organization, or reveals anything about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.access.models import PERMISSIONS, ResourceScope
from chalicelib.api import CORS, create_app
from chalicelib.http.operation import Operation
from chalicelib.namespaces.errors import NamespaceUnresolved
from tests.http.envelopes import assert_envelope, header
from tests.http.operations import IN_NAMESPACE, KEYED, OPERATIONS, SEARCHED, UPLOAD, body_of, each, no_services, path_of
from tests.support.api import Api, ApiResponse
from tests.support.webhooks import ADAPTER, deliver, event
from tests.support.world import World, bucket_body

WITH_NAMESPACE_PATH = [operation for operation in OPERATIONS if operation.scope == "namespace_path"]
BUCKET_ROUTES = [operation for operation in OPERATIONS if "{bucket_identifier}" in operation.path]
SAME = "same-namespace"
REQUEST_ID = re.compile(r'"request_id": ?"[^"]*"')


@dataclass(frozen=True)
class Tenant:
    """An organization with a namespace and a bucket whose id and name exist in other organizations as well."""

    organization_id: str
    key: str
    api: Api
    own_namespace: str
    bucket_id: str
    secrets: tuple[str, ...]

    def revealed_in(self, reply: ApiResponse, *requested: str) -> list[str]:
        """Returns the data of this tenant in a response, except for what the request contained."""
        text = reply.text + repr(sorted(reply.headers.items()))
        return [secret for secret in self.secrets if secret in text and secret not in requested]


def new_tenant(world: World, organization_id: str, mark: str) -> Tenant:
    key = world.key_for(organization_id)
    api = world.api(key=key, namespace=SAME)
    shared = api.post("/v1/namespaces", {"namespace_id": SAME, "namespace_name": f"{mark}-same"})
    own = api.post("/v1/namespaces", {"namespace_name": f"{mark}-own", "description": f"{mark} description"})
    assert (shared.status, own.status) == (200, 200), (shared.text, own.text)
    own_namespace = own.json["namespace_id"]
    made = api.post("/v1/buckets", bucket_body("posters", description=f"{mark} text", metadata={"m": f"{mark} data"}))
    other = api.using(namespace=own_namespace).post("/v1/buckets", bucket_body(f"{mark} bucket"))
    bucket_id = made.json["bucket_id"]
    ids = (organization_id, own_namespace, bucket_id, other.json["bucket_id"])
    return Tenant(organization_id, key, api, own_namespace, bucket_id, (*ids, mark))


@pytest.fixture
def ours(world: World) -> Tenant:
    return new_tenant(world, world.organization_id, "violet")


@pytest.fixture
def theirs(world: World) -> Tenant:
    other = world.services.access.create_organization("Rival")
    return new_tenant(world, other.organization_id, "scarlet")


def call(operation: Operation, api: Api, *, bucket: str = "posters", namespace: str = SAME) -> ApiResponse:
    """Calls the operation, with a body that may be invalid."""
    path = path_of(operation, bucket=bucket, namespace=namespace)
    return api.call(operation.method, path, body_of(operation))


def normalized(reply: ApiResponse, *requested: str) -> tuple[Any, ...]:
    """Returns a response without its request id and the requested identifiers, for comparison."""
    text = REQUEST_ID.sub("", reply.text)
    for identifier in requested:
        text = text.replace(identifier, "…")
    return reply.status, text, sorted(name for name in reply.headers)


@each(KEYED)
def test_an_invalid_key_is_rejected_by_every_operation(world: World, operation: Operation) -> None:
    access, organization = world.services.access, world.organization_id
    revoked = access.create_key(organization, name="revoked")
    access.revoke_key(organization, revoked.key.key_id)
    expires_at = world.clock.now + timedelta(seconds=60)
    expired = access.create_key(organization, name="expired", expires_at=expires_at)
    assert call(operation, world.api(key=expired.secret, namespace="films")).status != 401
    world.clock.advance(120)
    replies = [
        call(operation, world.api(key=key, namespace=namespace))
        for key in ("", "nonsense", "sk_unknown", world.key + "x", revoked.secret, expired.secret)
        for namespace in ("films", "unknown", "")
    ]
    for reply in replies:
        assert_envelope(reply, 401, "UnauthorizedError")
        assert header(reply, "WWW-Authenticate") == "Bearer"
    assert len({repr(normalized(reply)) for reply in replies}) == 1


@each(KEYED)
def test_a_key_needs_the_permission_of_the_operation(world: World, operation: Operation) -> None:
    required = PERMISSIONS.index(operation.permission)
    for index, permission in enumerate(PERMISSIONS):
        key = world.key_for(world.organization_id, permission)
        reply = call(operation, world.api(key=key), namespace="films")
        if index <= required:
            assert reply.status not in (401, 403), reply.text
            continue
        for namespace in ("films", "unknown", ""):
            error = assert_envelope(call(operation, world.api(key=key, namespace=namespace)), 403, "ForbiddenError")
            assert error["details"] == {"required_permission": operation.permission}


def test_operations_that_change_something_require_more_than_read_permission() -> None:
    for operation in KEYED:
        if operation.method == "DELETE":
            assert operation.permission in ("delete", "admin")
        elif operation.method != "GET" and not operation.path.endswith(("/list", "/aggregate", "/source-adapter/test")):
            assert operation.permission != "read"


@each([o for o in OPERATIONS if o.scope == "open"])
def test_an_open_operation_needs_no_key_and_ignores_an_invalid_one(world: World, operation: Operation) -> None:
    # The webhook URL in the examples is that of no bucket.
    expected = 404 if operation.raw else 200
    for key in ("", "nonsense"):
        assert call(operation, world.api(key=key, namespace="")).status == expected


@each(IN_NAMESPACE)
def test_an_operation_inside_a_namespace_requires_the_header(world: World, operation: Operation) -> None:
    for headers in ({}, {"X-Namespace": ""}, {"X-Namespace": "  "}):
        reply = world.api(namespace="").call(operation.method, path_of(operation), {}, headers=headers)
        error = assert_envelope(reply, 400, "BadRequestError")
        assert error["details"] == {"header": "X-Namespace"}


@each([o for o in KEYED if o.scope != "namespace" and NamespaceUnresolved not in o.errors])
def test_an_operation_outside_namespaces_ignores_the_header(world: World, operation: Operation) -> None:
    films = world.api().get("/v1/namespaces/films").json["namespace_id"]  # after a deletion, the name does not exist
    replies = [call(operation, world.api(namespace=n), namespace=films) for n in ("", "films", "unknown", "x" * 999)]
    assert len({reply.status for reply in replies}) == 1


@each(IN_NAMESPACE)
def test_the_namespace_of_another_organization_is_not_found(ours: Tenant, theirs: Tenant, operation: Operation) -> None:
    unknown = "ns_" + "0" * (len(theirs.own_namespace) - 3)
    asked = (theirs.own_namespace, "scarlet-own", unknown)
    replies = [call(operation, ours.api.using(namespace=name)) for name in asked]
    for reply, name in zip(replies, asked, strict=True):
        error = assert_envelope(reply, 404, "NotFoundError")
        assert error["message"] == "Namespace not found"
        assert error["details"] == {"resource": "namespace", "id": name}
        assert header(reply, "X-Namespace-Unresolved")
        assert theirs.revealed_in(reply, name, *(("scarlet",) if "scarlet" in name else ())) == []
    assert len({repr(normalized(reply, *asked)) for reply in replies}) == 1


@each(WITH_NAMESPACE_PATH)
def test_a_namespace_in_the_path_is_found_in_the_own_organization_only(
    ours: Tenant, theirs: Tenant, operation: Operation
) -> None:
    unknown = "ns_" + "0" * (len(theirs.own_namespace) - 3)
    asked = (theirs.own_namespace, "scarlet-own", unknown)
    replies = [call(operation, ours.api, namespace=name) for name in asked]
    for reply in replies:
        assert_envelope(reply, 404, "NotFoundError")
    assert len({repr(normalized(reply, *asked)) for reply in replies}) == 1


@each(BUCKET_ROUTES)
def test_a_bucket_in_another_namespace_is_not_found(ours: Tenant, theirs: Tenant, operation: Operation) -> None:
    unknown = "bkt_" + "0" * (len(theirs.bucket_id) - 4)
    in_another_namespace = ours.api.using(namespace=ours.own_namespace)
    replies = [
        call(operation, ours.api, bucket=theirs.bucket_id),
        call(operation, ours.api, bucket=unknown),
        call(operation, in_another_namespace, bucket=ours.bucket_id),
        call(operation, ours.api, bucket="scarlet bucket".replace(" ", "%20")),
    ]
    for reply in replies:
        assert_envelope(reply, 404, "NotFoundError")
    asked = (theirs.bucket_id, unknown, ours.bucket_id, "scarlet bucket")
    assert len({repr(normalized(reply, *asked)) for reply in replies}) == 1


@each(KEYED)
def test_no_response_reveals_another_organization(ours: Tenant, theirs: Tenant, operation: Operation) -> None:
    for api in (ours.api, ours.api.using(namespace=ours.own_namespace), ours.api.using(namespace="films")):
        for bucket in ("posters", ours.bucket_id, "unknown"):
            for namespace in (SAME, ours.own_namespace, "unknown"):
                assert theirs.revealed_in(call(operation, api, bucket=bucket, namespace=namespace)) == []


@each(KEYED)
@pytest.mark.parametrize("scope", ["namespace:elsewhere", "namespace:same-namespacex", "bucket:bkt_0000000000000000"])
def test_a_key_with_other_scopes_cannot_detect_resources(
    world: World, ours: Tenant, operation: Operation, scope: str
) -> None:
    kind, _, resource = scope.partition(":")
    scoped = ours.api.using(key=world.key_for(ours.organization_id, scopes=[ResourceScope(kind, resource)]))
    assert ours.revealed_in(call(operation, scoped)) == []
    if operation.scope == "organization":
        error = assert_envelope(call(operation, scoped, bucket=ours.bucket_id), 403, "ForbiddenError")
        assert error["code"] == "out_of_scope"
        return
    assert_indistinguishable(operation, scoped, ours, buckets=(ours.bucket_id, "posters", "bkt_9999999999999999"))


def assert_indistinguishable(operation: Operation, scoped: Api, ours: Tenant, *, buckets: tuple[str, ...]) -> None:
    """Checks that all responses are the same 404, whether or not the namespace and the bucket exist."""
    asked = [(bucket, namespace) for bucket in buckets for namespace in (SAME, ours.own_namespace, "never-was")]
    responses = set()
    for bucket, namespace in asked:
        reply = call(operation, scoped.using(namespace=namespace), bucket=bucket, namespace=namespace)
        assert_envelope(reply, 404, "NotFoundError")
        responses.add(repr(normalized(reply, bucket, namespace)))
    assert len(responses) == 1, responses


@each(IN_NAMESPACE + WITH_NAMESPACE_PATH)
def test_a_key_with_scopes_works_within_them(world: World, ours: Tenant, operation: Operation) -> None:
    for resource in (SAME, "same-*", "violet-same", "*"):
        key = world.key_for(ours.organization_id, scopes=[ResourceScope("namespace", resource)])
        assert call(operation, ours.api.using(key=key)).status != 403


@each(IN_NAMESPACE + WITH_NAMESPACE_PATH)
def test_a_key_with_a_namespace_scope_cannot_detect_other_namespaces(
    world: World, ours: Tenant, operation: Operation
) -> None:
    key = world.key_for(ours.organization_id, scopes=[ResourceScope("namespace", SAME)])
    asked = (ours.own_namespace, "films", "never-was")
    replies = [call(operation, ours.api.using(key=key, namespace=name), namespace=name) for name in asked]
    for reply, name in zip(replies, asked, strict=True):
        error = assert_envelope(reply, 404, "NotFoundError")
        assert error["details"] == {"resource": "namespace", "id": name}
        assert header(reply, "X-Namespace-Unresolved")
    assert len({repr(normalized(reply, *asked)) for reply in replies}) == 1


@each(BUCKET_ROUTES)
def test_a_key_with_a_bucket_scope_cannot_detect_namespaces(world: World, ours: Tenant, operation: Operation) -> None:
    # An invalid query is reported first if the bucket exists, so it must be reported first in all cases.
    for scopes in ([("bucket", ours.bucket_id)], [("bucket", "bkt_*"), ("namespace", "elsewhere")]):
        key = world.key_for(ours.organization_id, scopes=[ResourceScope(*scope) for scope in scopes])
        for query in ({}, {"undeclared": "x"}):
            responses = set()
            for namespace in (ours.own_namespace, "films", "never-was"):
                api = ours.api.using(key=key, namespace=namespace)
                path = path_of(operation, bucket=ours.bucket_id)
                reply = api.call(operation.method, path, body_of(operation), query=query)
                assert reply.status in (404, 422), reply.text
                responses.add(repr(normalized(reply, namespace)))
            assert len(responses) == 1, responses


def test_the_same_names_in_two_organizations_are_independent(ours: Tenant, theirs: Tenant) -> None:
    for own, other in ((ours, theirs), (theirs, ours)):
        assert own.api.get("/v1/buckets/posters").json["bucket_id"] == own.bucket_id
        for reply in (
            own.api.get("/v1/buckets"),
            own.api.post("/v1/buckets/list", {"search": "*"}),
            own.api.post("/v1/buckets/list", {"filters": {"bucket_id": other.bucket_id}}),
            own.api.post("/v1/buckets/list", {"filters": {"field": "bucket_name", "operator": "regex", "value": "."}}),
            own.api.post("/v1/buckets/list", {"sort": {"field": "bucket_name"}}),
            own.api.get("/v1/namespaces?include_total=true"),
            own.api.post("/v1/namespaces/list", {"search": "same"}),
            own.api.get(f"/v1/namespaces/{SAME}"),
        ):
            assert reply.status == 200, reply.text
            assert other.revealed_in(reply, other.bucket_id) == []
            if "total_count" in reply.json:
                assert reply.json["total_count"] == len(reply.json["results"]) <= 3
    assert ours.api.patch("/v1/buckets/posters", {"description": "ours now"}).status == 200
    assert theirs.api.get("/v1/buckets/posters").json["description"] == "scarlet text"
    assert ours.api.post("/v1/buckets", bucket_body("second")).status == 200
    assert ours.api.get(f"/v1/namespaces/{SAME}").json["bucket_count"] == 2
    assert theirs.api.get(f"/v1/namespaces/{SAME}").json["bucket_count"] == 1
    assert theirs.api.get("/v1/buckets/second").status == 404
    assert ours.api.patch(f"/v1/namespaces/{SAME}", {"namespace_name": "scarlet-same"}).status == 200
    assert theirs.api.get("/v1/namespaces/scarlet-same").json["description"] is None


def test_a_namespace_id_with_the_id_of_another_organization_is_not_found(ours: Tenant, theirs: Tenant) -> None:
    for forged in (
        f"{theirs.organization_id}.{SAME}",
        f"../{SAME}",
        f"NS#{theirs.organization_id}.{SAME}",
        "ORG",
        "#TOTALS",
    ):
        assert_envelope(ours.api.using(namespace=forged).get("/v1/buckets"), 404, "NotFoundError")
    forged = f"{theirs.organization_id}.{SAME}"
    rejected = ours.api.post("/v1/namespaces", {"namespace_id": forged, "namespace_name": "forged"})
    assert_envelope(rejected, 422, "ValidationError")


ADAPTER_OF_POSTERS = {**ADAPTER, "field_mapping": {"data.title": "title"}}


def pages(api: Api, path: str) -> Iterator[str]:
    """Yields the cursors of a list with one row per page."""
    reply = api.post(path, {"limit": 1})
    while cursor := reply.json["pagination"]["next_cursor"]:
        yield cursor
        reply = api.post(path, {"limit": 1, "cursor": cursor})


@each(SEARCHED)
def test_a_cursor_of_another_tenant_is_rejected(
    world: World, ours: Tenant, theirs: Tenant, operation: Operation
) -> None:
    elsewhere = theirs.api.using(namespace=theirs.own_namespace)
    assert elsewhere.post("/v1/buckets", bucket_body("posters")).status == 200
    for tenant in (ours, theirs):
        if operation.name == "list_source_adapter_deliveries":
            assert tenant.api.patch("/v1/buckets/posters", {"source_adapter": ADAPTER_OF_POSTERS}).status == 200
            for number in range(2):
                assert deliver(world, tenant.bucket_id, event(number)).status == 200
        for name in ("a", "b"):
            assert tenant.api.post("/v1/buckets", bucket_body(name)).status == 200
            assert tenant.api.post("/v1/buckets/posters/objects", {"title": name}).status == 200
            assert tenant.api.post("/v1/buckets/posters/batches", {"batch_name": name}).status == 200
            assert tenant.api.post("/v1/buckets/posters/uploads", UPLOAD).status == 200
            if operation.name == "list_tasks":
                assert tenant.api.call("DELETE", f"/v1/buckets/{name}").status == 200
    path = path_of(operation)
    cursors = list(pages(theirs.api, path))
    assert cursors
    for cursor in cursors:
        error = assert_envelope(ours.api.post(path, {"cursor": cursor}), 400, "BadRequestError")
        assert error["code"] == "cursor_invalid"
        if operation.scope == "namespace":
            assert_envelope(elsewhere.post(path, {"cursor": cursor}), 400, "BadRequestError")


def test_every_operation_allows_browsers_of_any_origin() -> None:
    routes = create_app(no_services).routes
    assert {(method, path) for path in routes for method in routes[path]} == {(o.method, o.path) for o in OPERATIONS}
    for path in routes:
        for entry in routes[path].values():
            assert entry.cors is CORS
    allowed = CORS.get_access_control_headers()
    assert allowed["Access-Control-Allow-Origin"] == "*"
    names = {name.strip().lower() for name in allowed["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "x-namespace", "if-match", "if-none-match"} <= names
    exposed = {name.strip() for name in allowed["Access-Control-Expose-Headers"].split(",")}
    assert {"ETag", "X-Request-Id", "Retry-After", "X-Namespace-Unresolved"} <= exposed
    assert "Access-Control-Allow-Credentials" not in allowed


@each(OPERATIONS)
def test_a_preflight_request_needs_no_key(world: World, operation: Operation) -> None:
    reply = world.api(key="", namespace="").call(
        "OPTIONS", path_of(operation), headers={"Origin": "https://example.org"}
    )
    assert reply.status == 200
    assert header(reply, "Access-Control-Allow-Origin") == "*"
    assert operation.method in (header(reply, "Access-Control-Allow-Methods") or "")


@each([o for o in KEYED if o.scope == "organization" and NamespaceUnresolved in o.errors])
def test_an_operation_that_a_header_narrows_finds_nothing_in_another_namespace(
    world: World, ours: Tenant, theirs: Tenant, operation: Operation
) -> None:
    for name in ("never-was", theirs.own_namespace):
        reply = call(operation, ours.api.using(namespace=name))
        assert_envelope(reply, 404, "NotFoundError")
        assert theirs.revealed_in(reply, name) == []
