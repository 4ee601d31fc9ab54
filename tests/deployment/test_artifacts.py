"""The bucket with the template and the code of a stage."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from deployment.artifacts import Artifacts
from deployment.stage import Stage


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")]
)
def test_the_bucket_accepts_only_tls_in_every_partition(region: str, partition: str) -> None:
    sent: list[dict[str, Any]] = []
    s3 = boto3.client("s3", region_name=region)
    stage = Stage("dev", "123456789012", region)

    def respond(model: Any, **_: Any) -> Any:
        return AWSResponse("", 200, {}, None), {}  # type: ignore[arg-type]

    s3.meta.events.register("before-call.s3", respond)
    s3.meta.events.register("provide-client-params.s3.PutBucketPolicy", lambda params, **_: sent.append(params))
    Artifacts(s3, stage).ensure()

    ((statement,),) = (json.loads(call["Policy"])["Statement"] for call in sent)
    arn = f"arn:{partition}:s3:::{stage.artifacts}"
    assert statement["Resource"] == [arn, f"{arn}/*"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
