"""Whoever starts the server can call it at once, this time and the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.access.errors import KeyRefused
from chalicelib.access.models import includes
from chalicelib.local.bootstrap import CREDENTIALS, Credentials, DevKeySpent, first_credentials
from chalicelib.local.journal.folder import Folder
from tests.support.world import World


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def works(world: World, given: Credentials) -> bool:
    caller = world.services.access.authenticate(f"Bearer {given.api_key}")
    world.services.namespaces.resolve(caller.organization_id, given.namespace)
    return includes(caller.permissions, "admin")


def test_the_first_start_makes_what_a_client_needs(world: World, folder: Folder) -> None:
    assert works(world, first_credentials(world.services, folder, None))


def test_the_next_start_gives_the_same(world: World, folder: Folder) -> None:
    first = first_credentials(world.services, folder, None)
    assert first_credentials(world.services, folder, None) == first


def test_the_key_is_kept_where_nobody_else_can_read_it(world: World, folder: Folder) -> None:
    given = first_credentials(world.services, folder, None)
    kept = folder.path / CREDENTIALS
    assert given.api_key in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_key_that_is_given_is_used_and_not_kept(world: World, folder: Folder) -> None:
    first = first_credentials(world.services, folder, None)
    given = first_credentials(world.services, folder, "sk_mine")
    assert given == Credentials("sk_mine", first.namespace)
    assert works(world, given)
    assert "sk_mine" not in (folder.path / CREDENTIALS).read_text()
    organizations = {
        world.services.access.authenticate(f"Bearer {each.api_key}").organization_id for each in (first, given)
    }
    assert len(organizations) == 1
    assert first_credentials(world.services, folder, "sk_mine") == given


def test_the_kept_key_comes_back_when_none_is_given_any_more(world: World, folder: Folder) -> None:
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
    assert works(world, second)
    assert access.authenticate(f"Bearer {second.api_key}").organization_id == caller.organization_id
    with pytest.raises(KeyRefused):
        access.authenticate(f"Bearer {first.api_key}")


def test_a_given_key_that_was_revoked_is_told(world: World, folder: Folder) -> None:
    access = world.services.access
    given = first_credentials(world.services, folder, "sk_mine")
    caller = access.authenticate(f"Bearer {given.api_key}")
    access.revoke_key(caller.organization_id, caller.key_id)
    access.key_cache.clear()
    with pytest.raises(DevKeySpent, match="BUCKETS_DEV_KEY"):
        first_credentials(world.services, folder, "sk_mine")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"api_key": "sk_lost", "organization_id": "int_lost"}'])
def test_credentials_without_their_data_are_made_anew(world: World, folder: Folder, content: str) -> None:
    (folder.path / CREDENTIALS).write_text(content)
    assert works(world, first_credentials(world.services, folder, None))
