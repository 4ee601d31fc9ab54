"""Batches through the deployed queue and function, with the default hook and with a Lambda function as the hook."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from mixpeek.api.bucket_batches_api import BucketBatchesApi
from mixpeek.models.create_batch_request import CreateBatchRequest
from mixpeek.models.create_object_request import CreateObjectRequest
from mixpeek.models.create_objects_batch_request import CreateObjectsBatchRequest

from tests.contract.conftest import Sdk, new_sdk
from tests.deployed.emulator import Emulator, eventually
from tests.deployed.stage import StageOnEmulator

SCHEMA = {"properties": {"number": {"type": "integer"}, "seen_by": {"type": "string"}}}
HOOK = """
def handler(event, context):
    if event["fields"]["number"] == 3:
        return {"error": {"type": "permanent", "message": "This number is not welcome"}}
    return {"fields": {"seen_by": "a function of our own"}}
"""
ENDED = ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED")


def create_objects(sdk: Sdk, bucket: str, count: int) -> list[str]:
    """Creates objects in groups of a hundred, and returns their ids."""
    ids: list[str] = []
    for start in range(0, count, 100):
        numbers = range(start, min(start + 100, count))
        rows: list[Any] = [CreateObjectRequest.from_dict({"number": number}) for number in numbers]
        made = sdk.objects.create_objects_batch_buckets(bucket, CreateObjectsBatchRequest(objects=rows))
        ids += [each.object_id for each in made.succeeded]
    return ids


def run_batch(sdk: Sdk, bucket: str, ids: list[str]) -> Any:
    """Submits a batch, and returns it after its end."""
    api: Any = BucketBatchesApi(sdk.buckets.api_client)
    batch = api.create_batch_buckets_batches(bucket, CreateBatchRequest(object_ids=ids, auto_submit=True))

    def has_ended() -> bool:
        return api.get_batch_buckets_batches(bucket, batch.batch_id).status in ENDED

    eventually(has_ended)
    audit = api.get_batch_audit_buckets_batches(bucket, batch.batch_id)
    assert audit["all_balanced"], audit
    return api.get_batch_buckets_batches(bucket, batch.batch_id)


def test_a_batch_of_500_objects_is_processed_by_the_deployed_function(sdk: Sdk) -> None:
    bucket = sdk.client.buckets.create(name="batched", bucket_schema=SCHEMA).bucket_id
    ids = create_objects(sdk, bucket, 500)
    batch = run_batch(sdk, bucket, ids)
    assert (batch.status, batch.progress.processed, batch.failed_object_count) == ("COMPLETED", 500, 0)
    assert sdk.objects.get_object_buckets(bucket, ids[-1]).to_dict()["status"] == "COMPLETED"
    eventually(lambda: sdk.client.buckets.get(bucket).batch_stats.completed == 1)


@pytest.fixture
def function_arn(emulator: Emulator) -> str:
    """A Lambda function that is not part of the stack."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("hook.py", HOOK)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = emulator.client("iam").create_role(RoleName="our-own-hook", AssumeRolePolicyDocument=json.dumps(trust))
    made = emulator.client("lambda").create_function(
        FunctionName="our-own-hook",
        Runtime="python3.11",
        Handler="hook.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
    )
    return str(made["FunctionArn"])


def test_a_lambda_function_can_be_the_hook(new_stage: Callable[[str], StageOnEmulator], function_arn: str) -> None:
    stage = new_stage("hooked")
    result = stage.deploy(f"Processor={function_arn}")
    assert result.exit_code == 0, result.progress
    sdk = new_sdk(stage.address, result.exports["MIXPEEK_API_KEY"], "default")
    bucket = sdk.client.buckets.create(name="hooked", bucket_schema=SCHEMA).bucket_id
    ids = create_objects(sdk, bucket, 10)
    batch = run_batch(sdk, bucket, ids)
    assert (batch.status, batch.failed_object_count) == ("COMPLETED_WITH_ERRORS", 1)
    assert batch.failed_objects[0].error == "This number is not welcome"
    found = sdk.objects.get_object_buckets(bucket, ids[0]).to_dict()
    assert (found["status"], found["seen_by"]) == ("COMPLETED", "a function of our own")
