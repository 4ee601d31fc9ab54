"""Every machine installs the same versions, and the Lambda function carries those that are tested."""

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


def test_nothing_else_is_pinned() -> None:
    assert set(CONSTRAINTS) == packages("dev")


def test_make_test_installs_all_that_make_run_installs() -> None:
    assert packages("run") < packages("dev")


@pytest.mark.parametrize("name", ["run", "dev"])
def test_the_versions_of_a_group_are_those_of_the_constraints(name: str) -> None:
    for requirement in group(name):
        assert str(requirement.specifier) == f"=={CONSTRAINTS[canonicalize_name(requirement.name)]}", requirement


def test_what_the_lambda_function_carries_is_what_is_tested() -> None:
    carried = pins("requirements.txt")
    assert carried == {name: CONSTRAINTS.get(name) for name in carried}
