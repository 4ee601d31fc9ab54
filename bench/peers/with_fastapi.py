"""The two operations in FastAPI, behind Mangum."""

from __future__ import annotations

from fastapi import FastAPI
from mangum import Mangum

from bench import bare
from bench.peers.models import BucketResponse, NewBucket

app = FastAPI()


@app.post("/v1/buckets")
def create_bucket(body: NewBucket) -> BucketResponse:
    """One transaction of three writes."""
    return BucketResponse.model_validate(bare.new_bucket(body.model_dump(mode="json")))


@app.get("/v1/buckets/{bucket_identifier}")
def get_bucket(bucket_identifier: str) -> BucketResponse:
    """One query over two rows."""
    return BucketResponse.model_validate(bare.bucket_json(bucket_identifier))


handler = Mangum(app, lifespan="off")
