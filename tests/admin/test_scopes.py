"""`keys create` accepts only scopes that give the key access to something."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.admin.__main__ import admin
from chalicelib.admin.scopes import may_match_bucket_id
from chalicelib.core.ids import ALPHABET, is_id
from chalicelib.core.text import matches_wildcard
from tests.support.api import Api
from tests.support.world import World, bucket_body


def create_key(world: World, scope: str) -> Result:
    arguments = ["keys", "create", "--organization", world.organization_id, "--name", "ci", "--scope", scope]
    return CliRunner().invoke(admin, arguments, obj=lambda: world.services)


def key_count(world: World) -> int:
    return len(world.services.access.list_keys(world.organization_id))


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("namespace:films:reed", "if 'reed' is a list of operations, they are admin, delete, write, read"),
        ("namespace:flims", "no namespace with the id or name 'flims'"),
        ("bucket:posters", "a bucket scope has a bucket id"),
        ("bucket:bkt_0000000000000000", "no bucket with the id 'bkt_0000000000000000'"),
        ("bucket:poster*", "a bucket scope has a bucket id"),
        ("organization:int_other", "'int_other' is neither"),
    ],
)
def test_a_scope_without_access_is_rejected_and_no_key_is_created(world: World, scope: str, message: str) -> None:
    before = key_count(world)
    result = create_key(world, scope)
    assert result.exit_code == 2, result.output
    assert "--scope" in result.stderr
    assert message in " ".join(result.stderr.split())
    assert key_count(world) == before


def test_the_error_for_a_bucket_name_has_the_id_of_the_bucket(world: World, api: Api) -> None:
    made = api.post("/v1/buckets", bucket_body()).json
    result = create_key(world, f"bucket:{made['bucket_name']}")
    assert result.exit_code == 2
    assert f"in the namespace 'films' has the id {made['bucket_id']}" in " ".join(result.stderr.split())


def test_scopes_by_id_name_and_pattern_are_accepted(world: World, api: Api) -> None:
    bucket_id = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    namespace_id = api.get("/v1/namespaces/films").json["namespace_id"]
    scopes = ["namespace:films", f"namespace:{namespace_id}:read", f"bucket:{bucket_id}", "bucket:bkt_*", "bucket:*"]
    for scope in [*scopes, "namespace:*", "namespace:fil*", "organization:*", f"organization:{world.organization_id}"]:
        result = create_key(world, scope)
        assert result.exit_code == 0, result.output
        assert "Warning" not in result.stderr


def test_a_bucket_of_another_organization_does_not_exist(world: World, api: Api) -> None:
    bucket_id = api.post("/v1/buckets", bucket_body()).json["bucket_id"]
    other = world.services.access.create_organization("Other").organization_id
    arguments = ["keys", "create", "--organization", other, "--name", "ci", "--scope", f"bucket:{bucket_id}"]
    assert CliRunner().invoke(admin, arguments, obj=lambda: world.services).exit_code == 2


def test_a_pattern_that_matches_no_namespace_yet_is_accepted_with_a_warning(world: World) -> None:
    result = create_key(world, "namespace:press-*:read")
    assert result.exit_code == 0, result.output
    assert "Warning: no namespace matches 'press-*' yet" in result.stderr


def test_an_unknown_organization_is_reported_first(world: World) -> None:
    arguments = ["keys", "create", "--organization", "int_none", "--name", "ci", "--scope", "namespace:films"]
    result = CliRunner().invoke(admin, arguments, obj=lambda: world.services)
    assert (result.exit_code, "int_none" in result.stderr) == (1, True)


BUCKET_IDS = st.text(ALPHABET, min_size=16, max_size=16).map(lambda text: f"bkt_{text}")


@given(BUCKET_IDS, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=3))
def test_a_pattern_made_from_a_bucket_id_may_match(bucket_id: str, cuts: list[tuple[int, int]]) -> None:
    pattern = bucket_id
    for start, length in cuts:
        pattern = pattern[:start] + "*" + pattern[start + length :]
    assert matches_wildcard(bucket_id, pattern)
    assert may_match_bucket_id(pattern)


@given(BUCKET_IDS, st.text("*bkt_0u", max_size=8))
def test_a_pattern_that_matches_an_id_may_match(bucket_id: str, pattern: str) -> None:
    if matches_wildcard(bucket_id, pattern):
        assert may_match_bucket_id(pattern)
    if "*" not in pattern:
        assert may_match_bucket_id(pattern) == is_id(pattern, "bkt")


@pytest.mark.parametrize(
    "pattern", ["posters", "poster*", "*u*", "bkt_*l", "bkt__*", "*bkt_*bkt_*", f"bkt_{'0' * 17}*"]
)
def test_a_pattern_that_no_bucket_id_matches_is_recognized(pattern: str) -> None:
    assert not may_match_bucket_id(pattern)
