"""The reference for ratios: handlers that make the same calls to AWS with a default boto3 client, and nothing else.

They have no authentication, validation, error handling or logs: the minimum that a Lambda function can do.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Any

import boto3

Event = dict[str, Any]
PARTITION = "NS#int_bench.ns_bench"

client = boto3.client("dynamodb", region_name="us-east-1")
TABLE = os.environ["BUCKETS_CATALOG_TABLE"]
OBJECTS = os.environ["BUCKETS_OBJECTS_TABLE"]
SECRET = b"a-secret-of-the-benchmark"


def create_bucket(event: Event, _: Any) -> Event:
    """One transaction of three writes."""
    return _response(new_bucket(json.loads(event["body"])))


def new_bucket(body: dict[str, Any]) -> dict[str, Any]:
    """Writes a bucket, and returns its JSON form."""
    bucket_id, now = "bkt_01jz0000000000aa", "2026-01-01T00:00:00.000Z"
    settings = {
        "description": body.get("description"),
        "bucket_schema": body["bucket_schema"],
        "unique_key": body.get("unique_key"),
        "metadata": body.get("metadata"),
        "storage_class": None,
        "source_adapter": None,
    }
    row = {
        "pk": {"S": PARTITION},
        "sk": {"S": f"BKT#{bucket_id}"},
        "bucket_id": {"S": bucket_id},
        "bucket_name": {"S": body["bucket_name"]},
        "status": {"S": "ACTIVE"},
        "is_locked": {"BOOL": False},
        "revision": {"N": "1"},
        "schema_version": {"N": "1"},
        "created_at": {"S": now},
        "updated_at": {"S": now},
        "settings": {"S": json.dumps(settings)},
        "ns": {"S": PARTITION},
        "name_key": {"S": f"{body['bucket_name']}#{bucket_id}"},
        "search_text": {"S": f"{bucket_id} {body['bucket_name']} {body.get('description')}"},
    }
    claim = {"pk": {"S": PARTITION}, "sk": {"S": f"NAME#{body['bucket_name']}"}, "bucket_id": {"S": bucket_id}}
    client.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": TABLE,
                    "Item": claim,
                    "ConditionExpression": "attribute_not_exists(#pk)",
                    "ExpressionAttributeNames": {"#pk": "pk"},
                }
            },
            {
                "Put": {
                    "TableName": TABLE,
                    "Item": row,
                    "ConditionExpression": "attribute_not_exists(#pk)",
                    "ExpressionAttributeNames": {"#pk": "pk"},
                }
            },
            {
                "Update": {
                    "TableName": TABLE,
                    "Key": {"pk": {"S": PARTITION}, "sk": {"S": "#TOTALS"}},
                    "UpdateExpression": "ADD #count :one",
                    "ConditionExpression": "attribute_exists(#pk)",
                    "ExpressionAttributeNames": {"#count": "bucket_count", "#pk": "pk"},
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            },
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    return {"bucket_id": bucket_id, "bucket_name": body["bucket_name"], "created_at": now, **settings}


def get_bucket(event: Event, _: Any) -> Event:
    """One query over two rows."""
    return _response(bucket_json(event["pathParameters"]["bucket_identifier"]))


def bucket_json(bucket_id: str) -> dict[str, Any]:
    """Returns the JSON form of a bucket."""
    return _to_json(_query(f"BKT#{bucket_id}", f"BKT#{bucket_id}#TALLY")[0])


def list_buckets(event: Event, _: Any) -> Event:
    """One query over a page, one over the totals."""
    del event
    rows = _query("BKT#", "BKT$")
    totals = _query("#T", "#U")
    results = [_to_json(row) for row in rows if "bucket_name" in row]
    return _response({"results": results, "total_count": int(totals[0]["bucket_count"]["N"])})


def create_object(event: Event, _: Any) -> Event:
    """One query over the bucket's two rows, one conditional put."""
    body = json.loads(event["body"])
    bucket_id = event["pathParameters"]["bucket_identifier"]
    bucket = _query(f"BKT#{bucket_id}", f"BKT#{bucket_id}#TALLY")[0]
    schema = json.loads(bucket["settings"]["S"])["bucket_schema"]
    object_id, now = "obj_01jz0000000000aa0000000000", "2026-01-01T00:00:00.000Z"
    blobs = [{"blob_id": "blob_01jz0000000000aa", "url": b["data"], **b} for b in body.pop("blobs")]
    values = {name: value for name, value in body.items() if name in schema["properties"]}
    client.put_item(
        TableName=OBJECTS,
        Item={
            "bucket_id": {"S": bucket_id},
            "object_id": {"S": object_id},
            "ns": {"S": PARTITION},
            "created_at": {"S": now},
            "updated_at": {"S": now},
            "created_key": {"S": f"{now}#{object_id}"},
            "size_bytes": {"N": "0"},
            "size_key": {"S": f"{0:020}#"},
            "status": {"S": "PENDING"},
            "revision": {"N": "1"},
            "schema_version": {"N": "1"},
            "epoch": {"N": "0"},
            "document": {"S": json.dumps({"values": values, "blobs": blobs})},
        },
        ConditionExpression="attribute_not_exists(#id)",
        ExpressionAttributeNames={"#id": "object_id"},
        ReturnConsumedCapacity="TOTAL",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    return _response({**values, "object_id": object_id, "bucket_id": bucket_id, "created_at": now, "blobs": blobs})


def get_object(event: Event, _: Any) -> Event:
    """One read by key."""
    key = {
        "bucket_id": {"S": event["pathParameters"]["bucket_identifier"]},
        "object_id": {"S": event["pathParameters"]["object_identifier"]},
    }
    row = client.get_item(TableName=OBJECTS, Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")["Item"]
    return _response(_object_json(row))


def list_objects(event: Event, _: Any) -> Event:
    """One query over the bucket's two rows, one over a page of an index, one read of its rows."""
    bucket_id = event["pathParameters"]["bucket_identifier"]
    _query(f"BKT#{bucket_id}", f"BKT#{bucket_id}#TALLY")
    page = client.query(
        TableName=OBJECTS,
        IndexName="by_created",
        KeyConditionExpression="#bucket = :bucket",
        ExpressionAttributeNames={"#bucket": "bucket_id"},
        ExpressionAttributeValues={":bucket": {"S": bucket_id}},
        Limit=21,
        ReturnConsumedCapacity="TOTAL",
    )["Items"]
    keys: Any = [{"bucket_id": row["bucket_id"], "object_id": row["object_id"]} for row in page]
    response = client.batch_get_item(
        RequestItems={OBJECTS: {"Keys": keys, "ConsistentRead": True}}, ReturnConsumedCapacity="TOTAL"
    )
    rows = {row["object_id"]["S"]: row for row in response["Responses"][OBJECTS]}
    return _response({"results": [_object_json(rows[row["object_id"]["S"]]) for row in page]})


def receive_webhook(event: Event, _: Any) -> Event:
    """The check of a signature, and one conditional put of a row with the body."""
    body = event["body"].encode()
    expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(event["headers"]["X-Hub-Signature-256"], f"sha256={expected}"):
        return {"statusCode": 401, "body": "{}"}
    payload = json.loads(body)
    client.put_item(
        TableName=TABLE,
        Item={
            "pk": {"S": f"DELIVERIES#{event['pathParameters']['bucket_id']}"},
            "sk": {"S": hashlib.sha256(body).hexdigest()},
            "title": {"S": payload["film"]["title"]},
            "body": {"S": event["body"]},
        },
        ConditionExpression="attribute_not_exists(#pk)",
        ExpressionAttributeNames={"#pk": "pk"},
        ReturnConsumedCapacity="TOTAL",
    )
    return _response({"status": "accepted"})


def _object_json(row: Any) -> dict[str, Any]:
    document = json.loads(row["document"]["S"])
    return {
        **document["values"],
        "object_id": row["object_id"]["S"],
        "bucket_id": row["bucket_id"]["S"],
        "status": row["status"]["S"],
        "created_at": row["created_at"]["S"],
        "updated_at": row["updated_at"]["S"],
        "blobs": document["blobs"],
    }


def _query(first: str, last: str) -> list[Any]:
    response = client.query(
        TableName=TABLE,
        KeyConditionExpression="#pk = :pk AND #sk BETWEEN :first AND :last",
        ExpressionAttributeNames={"#pk": "pk", "#sk": "sk"},
        ExpressionAttributeValues={":pk": {"S": PARTITION}, ":first": {"S": first}, ":last": {"S": last}},
        ConsistentRead=True,
        ReturnConsumedCapacity="TOTAL",
    )
    items: list[Any] = response["Items"]
    return items


def _to_json(row: Any) -> dict[str, Any]:
    settings = json.loads(row["settings"]["S"])
    return {
        "bucket_id": row["bucket_id"]["S"],
        "bucket_name": row["bucket_name"]["S"],
        "status": row["status"]["S"],
        "created_at": row["created_at"]["S"],
        "updated_at": row["updated_at"]["S"],
        **settings,
    }


def _response(body: dict[str, Any]) -> Event:
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
