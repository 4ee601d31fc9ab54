"""The two operations in Powertools for AWS Lambda, with its validation."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from bench import bare
from bench.peers.models import BucketResponse, NewBucket

app = APIGatewayRestResolver(enable_validation=True)


@app.post("/v1/buckets")
def create_bucket(body: NewBucket) -> BucketResponse:
    """One transaction of three writes."""
    return BucketResponse.model_validate(bare.new_bucket(body.model_dump(mode="json")))


@app.get("/v1/buckets/<bucket_identifier>")
def get_bucket(bucket_identifier: str) -> BucketResponse:
    """One query over two rows."""
    return BucketResponse.model_validate(bare.bucket_json(bucket_identifier))


def handler(event: dict[str, Any], context: Any) -> Any:
    """The Lambda function."""
    return app.resolve(event, context)
