"""The first start creates credentials, and further starts return them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.access.errors import KeyRefused
from chalicelib.access.models import includes
from chalicelib.local.bootstrap import CREDENTIALS_FILE, Credentials, DevKeyRevoked, first_credentials
from chalicelib.local.journal.folder import Folder
from tests.support.world import World


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def is_valid(world: World, credentials: Credentials) -> bool:
    caller = world.services.access.authenticate(f"Bearer {credentials.api_key}")
    world.services.namespaces.resolve(caller.organization_id, credentials.namespace)
    return includes(caller.permissions, "admin")


def test_the_first_start_creates_valid_credentials(world: World, folder: Folder) -> None:
    assert is_valid(world, first_credentials(world.services, folder, None))


def test_the_next_start_returns_the_same_credentials(world: World, folder: Folder) -> None:
    first = first_credentials(world.services, folder, None)
    assert first_credentials(world.services, folder, None) == first


def test_only_the_user_can_read_the_saved_key(world: World, folder: Folder) -> None:
    given = first_credentials(world.services, folder, None)
    saved = folder.path / CREDENTIALS_FILE
    assert given.api_key in saved.read_text()
    assert saved.stat().st_mode & 0o077 == 0


def test_a_given_key_is_used_and_not_saved(world: World, folder: Folder) -> None:
    first = first_credentials(world.services, folder, None)
    given = first_credentials(world.services, folder, "sk_mine")
    assert given == Credentials("sk_mine", first.namespace)
    assert is_valid(world, given)
    assert "sk_mine" not in (folder.path / CREDENTIALS_FILE).read_text()
    organizations = {
        world.services.access.authenticate(f"Bearer {each.api_key}").organization_id for each in (first, given)
    }
    assert len(organizations) == 1
    assert first_credentials(world.services, folder, "sk_mine") == given


def test_the_saved_key_is_used_again_when_no_key_is_given(world: World, folder: Folder) -> None:
    first = first_credentials(world.services, folder, None)
    first_credentials(world.services, folder, "sk_mine")
    assert first_credentials(world.services, folder, None) == first


def test_a_revoked_key_is_replaced(world: World, folder: Folder) -> None:
    access = world.services.access
    first = first_credentials(world.services, folder, None)
    caller = access.authenticate(f"Bearer {first.api_key}")
    access.revoke_key(caller.organization_id, caller.key_id)
    access.key_cache.clear()
    second = first_credentials(world.services, folder, None)
    assert is_valid(world, second)
    assert access.authenticate(f"Bearer {second.api_key}").organization_id == caller.organization_id
    with pytest.raises(KeyRefused):
        access.authenticate(f"Bearer {first.api_key}")


def test_a_given_key_that_was_revoked_is_an_error(world: World, folder: Folder) -> None:
    access = world.services.access
    given = first_credentials(world.services, folder, "sk_mine")
    caller = access.authenticate(f"Bearer {given.api_key}")
    access.revoke_key(caller.organization_id, caller.key_id)
    access.key_cache.clear()
    with pytest.raises(DevKeyRevoked, match="BUCKETS_DEV_KEY"):
        first_credentials(world.services, folder, "sk_mine")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"api_key": "sk_lost", "organization_id": "int_lost"}'])
def test_invalid_saved_credentials_are_replaced(world: World, folder: Folder, content: str) -> None:
    (folder.path / CREDENTIALS_FILE).write_text(content)
    assert is_valid(world, first_credentials(world.services, folder, None))
