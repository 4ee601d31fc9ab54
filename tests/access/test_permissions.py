"""Permissions and scopes of API keys."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.errors import OutOfReach, PermissionMissing
from chalicelib.access.models import PERMISSIONS, Caller, ResourceScope, includes
from chalicelib.core.text import matches_wildcard
from chalicelib.http.operation import Permission

BUCKET = "bkt_01m8307pxvdty4yb"
NAMESPACE_IDS = ("ns_1", "films")

permissions = st.sampled_from(PERMISSIONS)
held = st.lists(permissions, min_size=1, unique=True).map(tuple)


def caller(*permissions: str, scopes: tuple[ResourceScope, ...] = ()) -> Caller:
    return Caller("int_1", "key_1", permissions or ("admin",), scopes)


def scope(text: str) -> ResourceScope:
    """Returns the scope that an operator writes as `type:id[:operations]`."""
    resource_type, resource_id, *operations = text.split(":")
    return ResourceScope(resource_type, resource_id, tuple(operations[0].split(",")) if operations else None)


def is_allowed(
    *scopes: str, permission: Permission = "read", at: tuple[str, ...] = NAMESPACE_IDS, bucket: str | None = None
) -> bool:
    try:
        caller(scopes=tuple(map(scope, scopes))).check_scope(permission, namespace_ids=at, bucket_id=bucket)
    except OutOfReach:
        return False
    return True


@pytest.mark.parametrize(
    ("held", "included"),
    [
        ("admin", {"admin", "delete", "write", "read"}),
        ("delete", {"delete", "write", "read"}),
        ("write", {"write", "read"}),
        ("read", {"read"}),
    ],
)
def test_a_stronger_permission_includes_the_weaker_ones(held: str, included: set[str]) -> None:
    assert {needed for needed in PERMISSIONS if includes((held,), needed)} == included


@given(held, permissions, permissions)
def test_several_permissions_allow_what_any_of_them_allows(
    held: tuple[str, ...], needed: Permission, more: Permission
) -> None:
    assert includes(held, needed) == any(includes((one,), needed) for one in held)
    assert includes((*held, more), needed) >= includes(held, needed)


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(PermissionMissing) as raised:
        caller("read").check_permission("write")
    assert raised.value.details == {"required_permission": "write"}
    caller("delete").check_permission("write")


@pytest.mark.parametrize(
    ("scopes", "visible"),
    [
        (["namespace:films:read"], True),
        (["namespace:other"], False),
        (["bucket:bkt_*:read"], True),
        (["bucket:bkt_9*", "namespace:other"], False),
        (["organization:*:read"], True),
    ],
)
def test_a_resource_in_a_scope_is_visible_with_any_operation(scopes: list[str], visible: bool) -> None:
    scoped = caller(scopes=tuple(map(scope, scopes)))
    assert scoped.can_see(namespace_ids=NAMESPACE_IDS, bucket_id=BUCKET) is visible
    assert caller().can_see(namespace_ids=NAMESPACE_IDS, bucket_id=BUCKET)


def test_a_key_without_scopes_has_access_to_the_entire_organization() -> None:
    caller().check_scope("admin")
    caller().check_scope("admin", namespace_ids=NAMESPACE_IDS, bucket_id="anything")


@pytest.mark.parametrize(
    ("scopes", "bucket", "allowed"),
    [
        (["organization:*"], None, True),
        (["organization:int_1"], BUCKET, True),
        (["namespace:ns_1"], None, True),
        (["namespace:films"], BUCKET, True),
        (["namespace:fil*"], "by-name", True),
        (["namespace:*"], BUCKET, True),
        (["namespace:ns_2"], BUCKET, False),
        (["namespace:film"], None, False),
        ([f"bucket:{BUCKET}"], BUCKET, True),
        (["bucket:bkt_*"], BUCKET, True),
        (["bucket:*"], BUCKET, True),
        (["bucket:bkt_*"], None, False),
        (["bucket:bkt_0*z"], BUCKET, False),
        (["bucket:posters"], "posters", False),
        (["bucket:bkt_01*"], "bkt_01_a_name_that_looks_alike", False),
        (["namespace:ns_2", f"bucket:{BUCKET}"], BUCKET, True),
        (["namespace:ns_2", "bucket:bkt_9*"], BUCKET, False),
    ],
)
def test_a_scope_gives_access_to_matching_resources_only(scopes: list[str], bucket: str | None, allowed: bool) -> None:
    assert is_allowed(*scopes, bucket=bucket) is allowed


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["organization:*"], True),
        (["namespace:*"], True),
        (["namespace:fil*"], False),
        (["namespace:ns_1"], False),
        (["bucket:*"], False),
    ],
)
def test_operations_outside_namespaces_require_a_scope_for_all_namespaces(scopes: list[str], allowed: bool) -> None:
    assert is_allowed(*scopes, at=()) is allowed


@pytest.mark.parametrize(
    ("scopes", "permission", "allowed"),
    [
        (["namespace:films:read"], "read", True),
        (["namespace:films:read"], "write", False),
        (["namespace:films:delete"], "write", True),
        (["namespace:films:read,write"], "delete", False),
        (["namespace:films:read", "namespace:f*:write"], "write", True),
        (["namespace:films:read", "namespace:other:write"], "write", False),
        (["organization:*:read"], "admin", False),
        (["organization:*:admin"], "admin", True),
    ],
)
def test_the_operations_of_a_scope_limit_the_permissions(
    scopes: list[str], permission: Permission, allowed: bool
) -> None:
    assert is_allowed(*scopes, permission=permission) is allowed


@given(
    st.lists(
        st.builds(
            ResourceScope,
            st.sampled_from(["organization", "namespace", "bucket"]),
            st.sampled_from(["*", "ns_1", "films", "f*", "bkt_*", BUCKET, "x"]),
            st.none() | held,
        ),
        min_size=1,
    ),
    permissions,
    st.sampled_from([(), NAMESPACE_IDS]),
    st.sampled_from([None, BUCKET, "posters"]),
)
def test_several_scopes_allow_what_any_of_them_allows(
    scopes: list[ResourceScope], permission: Permission, at: tuple[str, ...], bucket: str | None
) -> None:
    def allowed(*some: ResourceScope) -> bool:
        try:
            caller(scopes=some).check_scope(permission, namespace_ids=at, bucket_id=bucket)
        except OutOfReach:
            return False
        return True

    assert allowed(*scopes) == any(allowed(one) for one in scopes)


@given(st.text("ab*[]?.\\", max_size=8), st.text("ab*", max_size=6))
def test_only_the_asterisk_is_a_wildcard(text: str, pattern: str) -> None:
    assert matches_wildcard(text, pattern) is fnmatch.fnmatchcase(text, pattern)


@given(st.text(max_size=20))
def test_a_pattern_without_wildcards_matches_the_same_text_only(text: str) -> None:
    assert matches_wildcard(text, text)
    assert not matches_wildcard(text + "x", text.replace("*", ""))


def test_a_pattern_with_many_wildcards_is_matched_quickly() -> None:
    started = time.process_time()
    assert not matches_wildcard("a" * 5000, "*a" * 49 + "*b")
    assert time.process_time() - started < 0.5
