"""Creating, listing, rotating and revoking API keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.access.errors import (
    KeyChanged,
    KeyEnded,
    KeyNotFound,
    KeyRefused,
    OrganizationNotFound,
    SecretTaken,
)
from chalicelib.access.models import ApiKey, NewKey, Organization, ResourceScope
from chalicelib.access.service import Access
from chalicelib.core.errors import RequestInvalid, Unavailable
from tests.access.conftest import NewProcess, StillClock
from tests.support.engine import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def authenticates(access: Access, made: NewKey) -> bool:
    try:
        access.authenticate(f"Bearer {made.secret}")
    except KeyRefused:
        return False
    return True


def test_a_new_key_has_read_write_and_delete_permission_in_its_organization(
    access: Access, studio: Organization
) -> None:
    made = access.create_key(studio.organization_id, name="first")
    caller = access.authenticate(f"Bearer {made.secret}")
    assert (caller.organization_id, caller.key_id) == (studio.organization_id, made.key.key_id)
    assert (set(caller.permissions), caller.scopes) == ({"read", "write", "delete"}, ())


def test_a_secret_is_long_and_random_and_has_the_prefix(access: Access, studio: Organization) -> None:
    secrets = {access.create_key(studio.organization_id, name="k").secret for _ in range(5)}
    assert len(secrets) == 5
    assert all(re.fullmatch(r"sk_[A-Za-z0-9_-]{40,}", secret) for secret in secrets)


def test_only_the_hash_and_the_first_characters_of_a_secret_are_stored(
    access: Access, studio: Organization, client: DynamoDBClient, tables: Tables
) -> None:
    first = access.create_key(studio.organization_id, name="k")
    second = access.rotate_key(studio.organization_id, first.key.key_id)
    stored = json.dumps(client.scan(TableName=tables.catalog)["Items"], default=str)
    for made in (first, second):
        assert made.secret not in stored
        assert made.secret[10:] not in stored
    assert second.key.visible == second.secret[:10]
    assert second.key.visible in stored


def test_the_representations_of_a_key_and_a_caller_do_not_contain_the_secret(
    access: Access, studio: Organization
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    assert made.secret not in repr(made)
    assert made.secret not in repr(access.authenticate(f"Bearer {made.secret}"))


def test_at_most_half_of_a_short_secret_is_visible(access: Access, studio: Organization) -> None:
    made = access.create_key(studio.organization_id, name="k", secret="sk_dev")
    assert authenticates(access, made)
    assert made.key.visible == "sk_"


@pytest.mark.parametrize("secret", ["dev", "sk_", "sk_a b", "sk_ä", "sk_" + "a" * 198, "sk_a\n"])
def test_a_chosen_secret_must_be_valid_in_a_header(access: Access, studio: Organization, secret: str) -> None:
    with pytest.raises(RequestInvalid):
        access.create_key(studio.organization_id, name="k", secret=secret)


def test_two_keys_never_share_a_secret(access: Access, studio: Organization) -> None:
    other = access.create_organization("Other")
    made = access.create_key(studio.organization_id, name="k", secret="sk_the_same_for_both")
    with pytest.raises(SecretTaken):
        access.create_key(other.organization_id, name="k", secret="sk_the_same_for_both")
    assert access.authenticate(f"Bearer {made.secret}").organization_id == studio.organization_id
    assert access.list_keys(other.organization_id) == []


def test_a_key_cannot_be_created_in_an_unknown_organization(access: Access) -> None:
    with pytest.raises(OrganizationNotFound):
        access.create_key("int_nobody", name="k", secret="sk_for_nobody_at_all")
    with pytest.raises(KeyRefused):
        access.authenticate("Bearer sk_for_nobody_at_all")


@pytest.mark.parametrize(
    "settings",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "a\nb"},
        {"name": "a" * 201},
        {"permissions": ()},
        {"permissions": ("read", "rule")},
        {"scopes": [ResourceScope("unknown", "x")]},
        {"scopes": [ResourceScope("bucket", "")]},
        {"scopes": [ResourceScope("bucket", "b" * 101)]},
        {"scopes": [ResourceScope("bucket", "*", ())]},
        {"scopes": [ResourceScope("bucket", "*", ("rule",))]},
    ],
)
def test_invalid_settings_create_no_key(access: Access, studio: Organization, settings: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        access.create_key(studio.organization_id, **{"name": "k", **settings})
    assert access.list_keys(studio.organization_id) == []


def test_scopes_are_stored_unchanged(access: Access, studio: Organization) -> None:
    scopes = (ResourceScope("namespace", "films*"), ResourceScope("bucket", "bkt_*", ("read", "write")))
    made = access.create_key(studio.organization_id, name="k", scopes=scopes)
    assert access.authenticate(f"Bearer {made.secret}").scopes == scopes
    assert access.list_keys(studio.organization_id)[0].scopes == scopes


def test_keys_are_listed_oldest_first_and_only_those_of_the_organization(
    access: Access, studio: Organization, clock: StillClock
) -> None:
    other = access.create_organization("Other")
    access.create_key(other.organization_id, name="elsewhere")
    for name in ("a", "b", "c"):
        clock.advance(1)
        access.create_key(studio.organization_id, name=name)
    assert [key.name for key in access.list_keys(studio.organization_id)] == ["a", "b", "c"]


def test_organizations_are_listed_oldest_first(access: Access, clock: StillClock) -> None:
    assert access.list_organizations() == []
    made = []
    for name in ("a", "b", "c"):
        clock.advance(1)
        made.append(access.create_organization(name))
    assert access.list_organizations() == made
    assert access.get_organization(made[1].organization_id) == made[1]
    assert re.fullmatch("int_[0-9a-z]{24}", made[0].organization_id)


def test_only_the_secret_of_a_rotated_key_changes(access: Access, studio: Organization) -> None:
    scopes = (ResourceScope("namespace", "films", ("read",)),)
    old = access.create_key(studio.organization_id, name="k", permissions=("admin",), scopes=scopes)
    new = access.rotate_key(studio.organization_id, old.key.key_id)
    assert new.secret != old.secret
    caller = access.authenticate(f"Bearer {new.secret}")
    assert (caller.key_id, caller.permissions, caller.scopes) == (old.key.key_id, ("admin",), scopes)
    assert access.list_keys(studio.organization_id) == [new.key]
    assert (new.key.key_id, new.key.name) == (old.key.key_id, "k")
    assert not authenticates(access, old)


def test_a_revoked_key_is_rejected_and_stays_in_the_list(access: Access, studio: Organization) -> None:
    made, kept = (access.create_key(studio.organization_id, name="k") for _ in range(2))
    assert authenticates(access, made)
    for _ in range(2):
        access.revoke_key(studio.organization_id, made.key.key_id)
    assert not authenticates(access, made)
    assert authenticates(access, kept)
    states = {key.key_id: key.state("2026-01-01T00:00:00.000Z") for key in access.list_keys(studio.organization_id)}
    assert states == {made.key.key_id: "revoked", kept.key.key_id: "active"}


@pytest.mark.parametrize("act", [Access.rotate_key, Access.revoke_key])
def test_a_key_of_another_organization_is_not_found(
    access: Access, studio: Organization, act: Callable[[Access, str, str], object]
) -> None:
    other = access.create_organization("Other")
    made = access.create_key(studio.organization_id, name="k")
    with pytest.raises(KeyNotFound):
        act(access, other.organization_id, made.key.key_id)
    assert authenticates(access, made)


def test_a_revoked_or_expired_key_cannot_be_rotated(access: Access, studio: Organization, clock: StillClock) -> None:
    revoked = access.create_key(studio.organization_id, name="k")
    access.revoke_key(studio.organization_id, revoked.key.key_id)
    expired = access.create_key(studio.organization_id, name="k", expires_at=clock.now)
    for made, state in ((revoked, "revoked"), (expired, "expired")):
        with pytest.raises(KeyEnded) as raised:
            access.rotate_key(studio.organization_id, made.key.key_id)
        assert (raised.value.details or {})["state"] == state


def test_a_key_revoked_while_it_is_being_rotated_stays_revoked(access: Access, studio: Organization) -> None:
    made = access.create_key(studio.organization_id, name="k")
    read = access.store.get_key(studio.organization_id, made.key.key_id)
    access.revoke_key(studio.organization_id, made.key.key_id)
    with pytest.raises(KeyEnded):
        access.store.replace_key(read, replace(read, digest="another"))
    assert access.store.get_key(studio.organization_id, made.key.key_id).status == "revoked"


def test_one_of_two_concurrent_rotations_fails(access: Access, studio: Organization) -> None:
    made = access.create_key(studio.organization_id, name="k")
    read = access.store.get_key(studio.organization_id, made.key.key_id)
    won = access.rotate_key(studio.organization_id, made.key.key_id)
    with pytest.raises(KeyChanged):
        access.store.replace_key(read, replace(read, digest="another"))
    assert authenticates(access, won)


def test_a_key_rotated_while_it_is_being_revoked_is_revoked(
    access: Access, studio: Organization, new_process: NewProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = access.create_key(studio.organization_id, name="k")
    rotated: list[NewKey] = []
    get_key = access.store.get_key

    def get_and_rotate(organization_id: str, key_id: str) -> Any:
        read = get_key(organization_id, key_id)
        if not rotated:
            rotated.append(NewKey(read, ""))
            rotated[0] = new_process().rotate_key(organization_id, key_id)
        return read

    monkeypatch.setattr(access.store, "get_key", get_and_rotate)
    access.revoke_key(studio.organization_id, made.key.key_id)
    assert not authenticates(access, made)
    assert not authenticates(access, rotated[0])


def test_a_revocation_fails_after_repeated_conflicts(
    access: Access, studio: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = access.create_key(studio.organization_id, name="k")

    def overtaken(key: ApiKey) -> None:
        raise KeyChanged(key.key_id)

    monkeypatch.setattr(access.store, "revoke", overtaken)
    with pytest.raises(Unavailable):
        access.revoke_key(studio.organization_id, made.key.key_id)
    assert authenticates(access, made)
