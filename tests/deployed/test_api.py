"""The deployed API, called with the official SDK and plain HTTP. Each function of the stack is used."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from mixpeek._client.client import MixpeekAPIError

from tests.contract.conftest import Sdk
from tests.deployed.emulator import eventually
from tests.deployed.stage import StageOnEmulator
from tests.support.objects import PNG, POSTER

SCHEMA = {"properties": {"film_id": {"type": "string", "required": True}, "poster": {"type": "image"}}}


def upload(sdk: Sdk, bucket: str) -> Any:
    return sdk.client.buckets.upload(bucket, data=POSTER["data"], film_id="tt0017136")


def test_health(stage: StageOnEmulator, api_key: str) -> None:
    assert stage.call("GET", "/v1/health").body == {"status": "OK"}
    deep = stage.call("GET", "/v1/health/deep", api_key)
    assert (deep.status, deep.body["status"]) == (200, "OK")


def test_buckets(sdk: Sdk) -> None:
    made = sdk.client.buckets.create(name="stills", bucket_schema=SCHEMA, metadata={"team": "archive"})
    assert sdk.client.buckets.get("stills").bucket_id == made.bucket_id
    assert made.bucket_id in [each.bucket_id for each in sdk.client.buckets.list().results]
    with pytest.raises(MixpeekAPIError) as taken:
        sdk.client.buckets.create(name="stills", bucket_schema=SCHEMA)
    assert taken.value.status == 409


def test_an_object_with_a_file_and_its_statistics(sdk: Sdk) -> None:
    sdk.client.buckets.create(name="posters", bucket_schema=SCHEMA)
    made = upload(sdk, "posters")
    assert (made.film_id, made.blobs[0].details.mime_type) == ("tt0017136", "image/png")
    found = sdk.objects.get_object_buckets("posters", made.object_id, return_presigned_urls=True)
    with urllib.request.urlopen(found.blobs[0].presigned_url, timeout=10) as response:
        assert response.read() == PNG

    def counted() -> bool:
        bucket = sdk.client.buckets.get("posters")
        return (bucket.object_count, bucket.total_size_bytes) == (1, len(PNG))

    eventually(counted)
    eventually(lambda: sdk.client.namespaces.list().results[0].object_count == 1)


def test_a_task_deletes_a_bucket(sdk: Sdk, stage: StageOnEmulator) -> None:
    made = sdk.client.buckets.create(name="temporary", bucket_schema=SCHEMA)
    upload(sdk, "temporary")
    task = sdk.client.buckets.delete("temporary")
    eventually(lambda: bool(sdk.client.tasks.get(task.task_id).status == "COMPLETED"))
    with pytest.raises(MixpeekAPIError) as not_found:
        sdk.client.buckets.get(made.bucket_id)
    assert not_found.value.status == 404
    files = stage.emulator.client("s3").list_objects_v2(Bucket=stage.outputs["BlobBucketName"])
    assert [each["Key"] for each in files.get("Contents", []) if made.bucket_id in each["Key"]] == []


@pytest.mark.parametrize(("path", "keyed", "status"), [("/v1/buckets", False, 401), ("/v1/buckets/none", True, 404)])
def test_an_error_of_the_application(stage: StageOnEmulator, api_key: str, path: str, keyed: bool, status: int) -> None:
    response = stage.call("GET", path, api_key if keyed else "")
    assert (response.status, response.body["success"], response.body["status"]) == (status, False, status)


def test_an_error_of_the_gateway(stage: StageOnEmulator, api_key: str) -> None:
    declare_gateway_responses(stage)
    response = stage.call("GET", "/v1/nothing/here", api_key)
    assert (response.status, response.body["status"], response.body["error"]["type"]) == (404, 404, "NotFoundError")
    assert response.body["error"]["details"]["request_id"]


def declare_gateway_responses(stage: StageOnEmulator) -> None:
    """Configures the gateway responses by API calls, since the emulator ignores those in the API definition."""
    template = stage.emulator.client("cloudformation").get_template(StackName=stage.stack, TemplateStage="Original")
    gateway, api = stage.emulator.client("apigateway"), stage.outputs["RestAPIId"]
    declared = template["TemplateBody"]["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]
    for type_, response in declared.items():
        headers = response["ResponseParameters"]["Headers"]
        gateway.put_gateway_response(
            restApiId=api,
            responseType=type_,
            statusCode=response["StatusCode"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
        )
    gateway.create_deployment(restApiId=api, stageName="api")


def test_no_message_became_a_dead_letter(stage: StageOnEmulator, api_key: str) -> None:
    sqs = stage.emulator.client("sqs")
    for output in (
        "DeadLettersUrl",
        "TaskDeadLettersUrl",
        "BatchDeadLettersUrl",
        "ArrivalDeadLettersUrl",
        "MirrorDeadLettersUrl",
    ):
        url = stage.outputs[output]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        assert queue["Attributes"]["ApproximateNumberOfMessages"] == "0"
