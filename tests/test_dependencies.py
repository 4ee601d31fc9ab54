"""All machines install the same versions, and the deployed packages have the tested versions."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from packaging.utils import canonicalize_name

from tests.support.dependencies import group, packages, pins

CONSTRAINTS = pins("constraints.txt")


def test_every_package_that_is_installed_for_the_project_is_pinned_to_the_installed_version() -> None:
    assert {name: CONSTRAINTS.get(name) for name in packages("dev")} == {
        name: version(name) for name in packages("dev")
    }


def test_no_other_package_is_pinned() -> None:
    assert set(CONSTRAINTS) == packages("dev")


def test_make_test_installs_all_packages_of_make_run() -> None:
    assert packages("run") < packages("dev")


@pytest.mark.parametrize("name", ["run", "dev"])
def test_the_versions_of_a_group_are_those_of_the_constraints(name: str) -> None:
    for requirement in group(name):
        assert str(requirement.specifier) == f"=={CONSTRAINTS[canonicalize_name(requirement.name)]}", requirement


def test_the_deployed_packages_have_the_tested_versions() -> None:
    deployed = pins("requirements.txt")
    assert deployed == {name: CONSTRAINTS.get(name) for name in deployed}
