"""The policies of the functions in the packaged template."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.template import references, resources_of_type

ROLES = {
    "APIHandler": "ApiHandlerRole",
    "OnObjectsChange": "OnObjectsChangeRole",
    "OnCatalogChange": "OnCatalogChangeRole",
    "OnTask": "OnTaskRole",
}
LOGS = {"APIHandler": "ApiLogGroup", "OnObjectsChange": "StreamsLogGroup", "OnCatalogChange": "StreamsLogGroup"}
LOGS["OnTask"] = "TasksLogGroup"
STREAMS = {"OnObjectsChange": "ObjectsTable", "OnCatalogChange": "CatalogTable"}


@pytest.fixture(params=sorted(ROLES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def statements(template: dict[str, Any], name: str) -> list[dict[str, Any]]:
    role = template["Resources"][ROLES[name]]["Properties"]
    (policy,) = role["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_every_function_has_a_role_of_its_own_and_no_managed_policy(template: dict[str, Any], name: str) -> None:
    assert set(resources_of_type(template, "AWS::IAM::Role")) == set(ROLES.values())
    role = template["Resources"][ROLES[name]]["Properties"]
    assert "ManagedPolicyArns" not in role
    assert template["Resources"][name]["Properties"]["Role"] == {"Fn::GetAtt": [ROLES[name], "Arn"]}


def test_actions_and_resources_are_exact(statements: list[dict[str, Any]]) -> None:
    for statement in statements:
        assert set(statement) - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        assert all(resource != "*" for resource in statement["Resource"])


def test_every_resource_belongs_to_the_stack(template: dict[str, Any], statements: list[dict[str, Any]]) -> None:
    for statement in statements:
        for resource in statement["Resource"]:
            assert set(references(resource)) <= set(template["Resources"])
            assert set(references(resource))


def actions(statements: list[dict[str, Any]], service: str) -> list[str]:
    return [action for s in statements for action in s["Action"] if action.startswith(service)]


def test_functions_have_only_the_required_permissions_on_blobs(statements: list[dict[str, Any]], name: str) -> None:
    expected = {
        "APIHandler": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        "OnObjectsChange": ["s3:DeleteObject"],
        "OnTask": ["s3:DeleteObject", "s3:ListBucket"],
    }
    assert actions(statements, "s3:") == expected.get(name, [])
    for files in (s for s in statements if any(action.startswith("s3:") for action in s["Action"])):
        if files["Action"] == ["s3:ListBucket"]:
            assert files["Condition"] == {"StringLike": {"s3:prefix": ["blobs/*"]}}
        else:
            assert files["Resource"] == [{"Fn::Sub": "${BlobBucket.Arn}/blobs/*"}]


def test_a_stream_function_reads_only_its_own_stream(statements: list[dict[str, Any]], name: str) -> None:
    read = [s["Resource"] for s in statements if "dynamodb:GetRecords" in s["Action"]]
    assert read == ([[{"Fn::GetAtt": [STREAMS[name], "StreamArn"]}]] if name in STREAMS else [])


SEND = "sqs:SendMessage"
SENDS = {
    "OnObjectsChange": [([SEND], "DeadLetters")],
    "OnCatalogChange": [([SEND], "TaskQueue"), ([SEND], "DeadLetters")],
    "OnTask": [
        (
            [
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ChangeMessageVisibility",
                SEND,
            ],
            "TaskQueue",
        )
    ],
}


def test_besides_tables_and_files_a_function_accesses_only_its_log_and_its_queues(
    statements: list[dict[str, Any]], name: str
) -> None:
    other_statements = [s for s in statements if not all(a.startswith(("dynamodb:", "s3:")) for a in s["Action"])]
    *others, logs = other_statements
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert logs["Resource"] == [{"Fn::GetAtt": [LOGS[name], "Arn"]}]
    assert [(s["Action"], s["Resource"]) for s in others] == (
        [(actions, [{"Fn::GetAtt": [queue, "Arn"]}]) for actions, queue in SENDS.get(name, [])]
    )
