"""Creating and reading organizations."""

from __future__ import annotations

import pytest

from chalicelib.access.errors import OrganizationNotFound
from chalicelib.access.service import Access
from chalicelib.core.errors import RequestInvalid
from tests.support.world import World


def test_two_organizations_may_share_a_name(access: Access) -> None:
    one, other = (access.create_organization("Acme") for _ in range(2))
    assert one.organization_id != other.organization_id


def test_an_organization_counts_its_namespaces(world: World) -> None:
    assert world.services.access.get_organization(world.organization_id).namespace_count == 1


def test_an_unknown_organization_is_not_found(access: Access) -> None:
    with pytest.raises(OrganizationNotFound):
        access.get_organization("int_nowhere")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "tab\there"])
def test_an_organization_with_an_invalid_name_is_not_created(access: Access, name: str) -> None:
    with pytest.raises(RequestInvalid):
        access.create_organization(name)
    assert access.list_organizations() == []
