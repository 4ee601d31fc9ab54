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
    "OnBatchMessage": "OnBatchMessageRole",
    "OnBlobArrival": "OnBlobArrivalRole",
    "OnMirrorMessage": "OnMirrorMessageRole",
}
LOGS = {"APIHandler": "ApiLogGroup", "OnObjectsChange": "StreamsLogGroup", "OnCatalogChange": "StreamsLogGroup"}
LOGS |= {"OnTask": "TasksLogGroup", "OnBatchMessage": "BatchesLogGroup", "OnBlobArrival": "UploadsLogGroup"}
LOGS |= {"OnMirrorMessage": "MirrorsLogGroup"}
BLOB_BUCKET = {"Fn::GetAtt": ["BlobBucket", "Arn"]}
STREAMS = {"OnObjectsChange": "ObjectsTable", "OnCatalogChange": "CatalogTable"}
# X-Ray does not support permissions for single resources.
TRACING = {
    "Sid": "Tracing",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": ["*"],
}


@pytest.fixture(params=sorted(ROLES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def statements(template: dict[str, Any], name: str) -> list[dict[str, Any]]:
    role = template["Resources"][ROLES[name]]["Properties"]
    (policy,) = role["Policies"]
    found = [without_condition(statement) for statement in policy["PolicyDocument"]["Statement"]]
    return [statement for statement in found if statement != TRACING]


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


def test_every_resource_belongs_to_the_stack_or_is_the_hook_the_bus_or_the_key(
    template: dict[str, Any], statements: list[dict[str, Any]]
) -> None:
    for statement in statements:
        for resource in statement["Resource"]:
            own = {name for name in references(resource) if not name.startswith("AWS::")}
            assert own <= {*template["Resources"], "Processor", "EventBusName", "SecretsKeyArn"}
            assert own


HOOK = {
    "Sid": "Processor",
    "Effect": "Allow",
    "Action": ["lambda:InvokeFunction"],
    "Resource": [{"Ref": "Processor"}],
}
BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"
EVENTS = {"Sid": "Events", "Effect": "Allow", "Action": ["events:PutEvents"], "Resource": [{"Fn::Sub": BUS}]}


def secrets(*actions: str) -> dict[str, Any]:
    return {"Sid": "Secrets", "Effect": "Allow", "Action": [*actions], "Resource": [{"Ref": "SecretsKeyArn"}]}


# By condition: the functions that have a statement under it, and the statement.
CONDITIONAL: dict[str, dict[str, Any]] = {
    "ProcessorIsFunction": {"OnBatchMessage": HOOK},
    "EventsAreSent": {"OnObjectsChange": EVENTS, "OnCatalogChange": EVENTS},
    "SecretsAreEncrypted": {
        "APIHandler": secrets("kms:Encrypt", "kms:Decrypt"),
        "OnBatchMessage": secrets("kms:Decrypt"),
    },
}


@pytest.mark.parametrize("condition", CONDITIONAL)
def test_only_these_functions_invoke_the_hook_send_events_and_use_the_key(
    template: dict[str, Any], name: str, condition: str
) -> None:
    (policy,) = template["Resources"][ROLES[name]]["Properties"]["Policies"]
    choices = [each["Fn::If"] for each in policy["PolicyDocument"]["Statement"] if "Fn::If" in each]
    statements = CONDITIONAL[condition]
    expected = [[condition, statements[name], {"Ref": "AWS::NoValue"}]] if name in statements else []
    assert [choice for choice in choices if choice[0] == condition] == expected
    others = [each for each in policy["PolicyDocument"]["Statement"] if "Fn::If" not in each]
    conditional = {action for statement in statements.values() for action in statement["Action"]}
    assert not any(conditional & {*each["Action"]} for each in others)


def actions(statements: list[dict[str, Any]], service: str) -> list[str]:
    return [action for s in statements for action in s["Action"] if action.startswith(service)]


# By function: the actions on the files of uploads. The API signs URLs, which have the permissions of their signer.
STAGED_FILES = {
    "APIHandler": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
    "OnTask": ["s3:GetObject", "s3:DeleteObject"],
    "OnBlobArrival": ["s3:GetObject", "s3:DeleteObject"],
}
# By function: the actions on the files of objects, on those of batches, and whether it lists the keys.
FILES = {
    "APIHandler": (
        ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        ["s3:GetObject", "s3:DeleteObject"],
        True,
    ),
    "OnObjectsChange": (["s3:DeleteObject"], [], False),
    "OnTask": (
        ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        ["s3:PutObject", "s3:DeleteObject"],
        True,
    ),
    "OnBatchMessage": (["s3:GetObject"], ["s3:PutObject", "s3:DeleteObject"], True),
    "OnBlobArrival": (["s3:PutObject", "s3:DeleteObject"], [], True),
    "OnMirrorMessage": (["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"], [], True),
}


def test_functions_have_only_the_required_permissions_on_files(statements: list[dict[str, Any]], name: str) -> None:
    of_objects, of_batches, lists = FILES.get(name, ([], [], False))
    staged = STAGED_FILES.get(name, [])
    for folder, expected in (("blobs", of_objects), ("batches", of_batches), ("u", staged)):
        resource = [{"Fn::Sub": f"${{BlobBucket.Arn}}/{folder}/*"}]
        assert [s["Action"] for s in statements if s["Resource"] == resource] == ([expected] if expected else [])
    # HeadObject needs ListBucket: without it, S3 responds with 403 for a key that does not exist, and not with 404. A
    # condition on the prefix of a list would not hold for HeadObject, which has no prefix. The function that copies
    # files by URL reads none.
    listing = [(s["Action"], s.get("Condition")) for s in statements if s["Resource"] == [BLOB_BUCKET]]
    condition = {"StringLike": {"s3:prefix": "blobs/*"}} if name == "OnMirrorMessage" else None
    assert listing == ([(["s3:ListBucket"], condition)] if lists else [])
    assert len(actions(statements, "s3:")) == len([*of_objects, *of_batches, *staged]) + len(listing)


def test_a_stream_function_reads_only_its_own_stream(statements: list[dict[str, Any]], name: str) -> None:
    read = [s["Resource"] for s in statements if "dynamodb:GetRecords" in s["Action"]]
    assert read == ([[{"Fn::GetAtt": [STREAMS[name], "StreamArn"]}]] if name in STREAMS else [])


SEND = "sqs:SendMessage"
POLL = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
RECEIVE = [*POLL, "sqs:ChangeMessageVisibility"]
SENDS = {
    "OnObjectsChange": [([SEND], "MirrorQueue"), ([SEND], "DeadLetters")],
    "OnCatalogChange": [([SEND], "TaskQueue"), ([SEND], "BatchQueue"), ([SEND], "DeadLetters")],
    "OnTask": [([*RECEIVE, SEND], "TaskQueue"), ([SEND], "BatchQueue")],
    "OnBatchMessage": [([*RECEIVE, SEND], "BatchQueue")],
    "OnBlobArrival": [(POLL, "ArrivalQueue")],
    "OnMirrorMessage": [([*RECEIVE, SEND], "MirrorQueue")],
}


def without_condition(statement: dict[str, Any]) -> dict[str, Any]:
    """Returns the statement, or that inside of Fn::If."""
    found: dict[str, Any] = statement["Fn::If"][1] if "Fn::If" in statement else statement
    return found


def test_besides_tables_files_hook_bus_and_key_a_function_accesses_only_its_log_and_its_queues(
    statements: list[dict[str, Any]], name: str
) -> None:
    excluded = ("dynamodb:", "s3:", "lambda:", "events:", "kms:")
    *others, logs = [s for s in statements if not all(a.startswith(excluded) for a in s["Action"])]
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert logs["Resource"] == [{"Fn::GetAtt": [LOGS[name], "Arn"]}]
    assert [(s["Action"], s["Resource"]) for s in others] == (
        [(actions, [{"Fn::GetAtt": [queue, "Arn"]}]) for actions, queue in SENDS.get(name, [])]
    )
