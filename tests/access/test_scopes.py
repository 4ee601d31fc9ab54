"""What the API allows a key with scopes to do."""

from __future__ import annotations

from chalicelib.access.models import ResourceScope
from tests.support.world import World, adapter_with_sources, bucket_body


def test_a_key_with_a_bucket_scope_can_access_that_bucket_only(world: World) -> None:
    bucket_id = world.api().post("/v1/buckets", bucket_body()).json["bucket_id"]
    other_id = world.api().post("/v1/buckets", bucket_body("trailers")).json["bucket_id"]
    scopes = [ResourceScope("bucket", bucket_id, ("read",))]
    scoped = world.api(key=world.key_for(world.organization_id, scopes=scopes))
    assert scoped.get(f"/v1/buckets/{bucket_id}").status == 200
    for rejected in (
        scoped.patch(f"/v1/buckets/{bucket_id}", {"description": "new"}),
        scoped.using(namespace="nowhere").patch(f"/v1/buckets/{bucket_id}", {"description": "new"}),
        scoped.post("/v1/namespaces", {"namespace_name": "books"}),
    ):
        assert (rejected.status, rejected.error["code"]) == (403, "out_of_scope"), rejected.text
    for bucket in (other_id, "posters", "bkt_0000000000000000", "unknown"):
        for api in (scoped, scoped.using(namespace="nowhere")):
            outside = api.get(f"/v1/buckets/{bucket}")
            assert (outside.status, outside.error["details"]) == (404, {"resource": "bucket", "id": bucket})
    assert scoped.post("/v1/buckets", bucket_body("stills")).status == 404


def test_a_key_with_a_bucket_scope_finds_the_bucket_in_its_own_namespace_only(world: World) -> None:
    bucket_id = world.api().post("/v1/buckets", bucket_body()).json["bucket_id"]
    world.api().post("/v1/namespaces", {"namespace_name": "books"})
    for scopes in ([("bucket", bucket_id)], [("bucket", "*"), ("organization", "*", ("read",))]):
        key = world.key_for(world.organization_id, scopes=[ResourceScope(*scope) for scope in scopes])
        scoped = world.api(key=key)
        assert scoped.patch(f"/v1/buckets/{bucket_id}", {"description": "new"}).status == 200
        for namespace in ("books", "nowhere"):
            elsewhere = scoped.using(namespace=namespace).patch(f"/v1/buckets/{bucket_id}", {"description": "lost"})
            assert (elsewhere.status, elsewhere.error["message"]) == (404, "Bucket not found")
        assert world.api().get(f"/v1/buckets/{bucket_id}").json["description"] == "new"


def test_a_key_with_a_bucket_scope_cannot_detect_other_source_buckets(world: World) -> None:
    own, other, outside = (world.api().post("/v1/buckets", bucket_body(name)).json["bucket_id"] for name in "abc")
    key = world.key_for(world.organization_id, scopes=[ResourceScope("bucket", id_) for id_ in (own, other)])
    scoped = world.api(key=key)

    messages = []
    for unknown in (outside, "bkt_0000000000000000"):
        rejected = scoped.patch(f"/v1/buckets/{own}", adapter_with_sources(unknown))
        assert rejected.status == 422
        messages.append(rejected.text.replace(unknown, "it"))
    assert messages[0] == messages[1]
    assert world.api().patch(f"/v1/buckets/{own}", adapter_with_sources(outside)).status == 200
    assert scoped.patch(f"/v1/buckets/{own}", adapter_with_sources(other)).status == 200


def test_the_error_for_a_cycle_names_only_buckets_that_the_key_can_see(world: World) -> None:
    own, other, outside = (world.api().post("/v1/buckets", bucket_body(name)).json["bucket_id"] for name in "abc")
    assert world.api().patch(f"/v1/buckets/{other}", adapter_with_sources(outside)).status == 200
    assert world.api().patch(f"/v1/buckets/{outside}", adapter_with_sources(own)).status == 200
    key = world.key_for(world.organization_id, scopes=[ResourceScope("bucket", id_) for id_ in (own, other)])

    rejected = world.api(key=key).patch(f"/v1/buckets/{own}", adapter_with_sources(other))

    assert (rejected.status, rejected.error["details"]) == (409, {"cycle": [own, other, own]})
    assert outside not in rejected.text


def test_the_id_of_the_bucket_with_a_name_is_shown_only_to_keys_that_can_see_it(world: World) -> None:
    own, other = (world.api().post("/v1/buckets", bucket_body(name)).json["bucket_id"] for name in ("own", "other"))
    named = {"resource": "bucket", "bucket_name": "other"}
    for scopes, details in (
        ([], {**named, "bucket_id": other}),
        ([("namespace", "films")], {**named, "bucket_id": other}),
        ([("bucket", own)], named),
    ):
        key = world.key_for(world.organization_id, scopes=[ResourceScope(*scope) for scope in scopes])
        rejected = world.api(key=key).patch(f"/v1/buckets/{own}", {"bucket_name": "other"})
        assert (rejected.status, rejected.error["code"]) == (409, "bucket_name_taken")
        assert rejected.error["details"] == details
    assert world.api().post("/v1/buckets", bucket_body("other")).error["details"] == {**named, "bucket_id": other}


def test_a_key_with_a_read_scope_for_a_namespace_cannot_write_there(world: World) -> None:
    scopes = [ResourceScope("namespace", "films", ("read",))]
    scoped = world.api(key=world.key_for(world.organization_id, scopes=scopes))
    assert scoped.get("/v1/buckets").status == 200
    rejected = scoped.post("/v1/buckets", bucket_body())
    assert (rejected.status, rejected.error["code"]) == (403, "out_of_scope")


def test_a_key_with_a_namespace_scope_cannot_see_other_namespaces(world: World) -> None:
    world.api().post("/v1/namespaces", {"namespace_name": "books"})
    films = world.api().get("/v1/namespaces/films").json["namespace_id"]
    for resource_id in (films, "films", "fil*"):
        key = world.key_for(world.organization_id, scopes=[ResourceScope("namespace", resource_id)])
        assert world.api(key=key).get("/v1/namespaces/films").status == 200
        for outside in ("books", "nowhere"):
            for reply in (
                world.api(key=key).get(f"/v1/namespaces/{outside}"),
                world.api(key=key, namespace=outside).post("/v1/buckets", bucket_body()),
            ):
                assert (reply.status, reply.error["message"]) == (404, "Namespace not found")
                assert reply.error["details"] == {"resource": "namespace", "id": outside}


def test_scopes_do_not_extend_the_permissions(world: World) -> None:
    scopes = [ResourceScope("namespace", "films", ("admin",))]
    scoped = world.api(key=world.key_for(world.organization_id, "read", scopes=scopes))
    assert scoped.post("/v1/buckets", bucket_body()).status == 403
