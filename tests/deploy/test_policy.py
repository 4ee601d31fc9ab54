"""What the API function may do: its hand-written policy, as it arrives in the template."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.template import of_type, references


@pytest.fixture
def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    role = template["Resources"]["ApiHandlerRole"]["Properties"]
    (policy,) = role["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_the_function_has_a_role_of_its_own_and_no_managed_policy(template: dict[str, Any]) -> None:
    assert set(of_type(template, "AWS::IAM::Role")) == {"ApiHandlerRole"}
    role = template["Resources"]["ApiHandlerRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    assert template["Resources"]["APIHandler"]["Properties"]["Role"] == {"Fn::GetAtt": ["ApiHandlerRole", "Arn"]}


def test_actions_and_resources_are_exact(statements: list[dict[str, Any]]) -> None:
    for statement in statements:
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        assert "*" not in str(statement["Resource"])


def test_every_resource_is_one_of_the_stack(template: dict[str, Any], statements: list[dict[str, Any]]) -> None:
    for statement in statements:
        for resource in statement["Resource"]:
            assert set(references(resource)) <= set(template["Resources"])
            assert set(references(resource))


def test_besides_tables_the_function_reaches_only_its_log(statements: list[dict[str, Any]]) -> None:
    beyond = [s for s in statements if not all(action.startswith("dynamodb:") for action in s["Action"])]
    (logs,) = beyond
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert logs["Resource"] == [{"Fn::GetAtt": ["ApiLogGroup", "Arn"]}]
