"""Scopes at work: what the API lets a bound key do."""

from __future__ import annotations

from chalicelib.access.models import ResourceScope
from tests.support.world import World, a_bucket


def test_a_key_bound_to_a_bucket_opens_that_bucket_alone(world: World) -> None:
    bucket_id = world.api().post("/v1/buckets", a_bucket()).json["bucket_id"]
    other_id = world.api().post("/v1/buckets", a_bucket("trailers")).json["bucket_id"]
    scopes = [ResourceScope("bucket", bucket_id, ("read",))]
    bound = world.api(key=world.key_for(world.organization_id, scopes=scopes))
    assert bound.get(f"/v1/buckets/{bucket_id}").status == 200
    for refused in (
        bound.get(f"/v1/buckets/{other_id}"),
        bound.get("/v1/buckets/posters"),
        bound.patch(f"/v1/buckets/{bucket_id}", {"description": "new"}),
        bound.post("/v1/buckets", a_bucket("stills")),
        bound.post("/v1/namespaces", {"namespace_name": "books"}),
    ):
        assert refused.status == 403, refused.text


def test_a_key_bound_to_a_namespace_by_id_or_name_does_not_see_others(world: World) -> None:
    world.api().post("/v1/namespaces", {"namespace_name": "books"})
    films = world.api().get("/v1/namespaces/films").json["namespace_id"]
    for resource_id in (films, "films", "fil*"):
        key = world.key_for(world.organization_id, scopes=[ResourceScope("namespace", resource_id)])
        assert world.api(key=key).get("/v1/namespaces/films").status == 200
        assert world.api(key=key).get("/v1/namespaces/books").status == 403
        assert world.api(key=key, namespace="books").post("/v1/buckets", a_bucket()).status == 403


def test_scopes_never_add_to_the_permissions(world: World) -> None:
    scopes = [ResourceScope("namespace", "films", ("admin",))]
    bound = world.api(key=world.key_for(world.organization_id, "read", scopes=scopes))
    assert bound.post("/v1/buckets", a_bucket()).status == 403
