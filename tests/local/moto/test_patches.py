"""The patches of moto: rejected requests change nothing, and other responses stay the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.responses import BaseResponse
from moto.core.utils import service_name_from_moto_package_name
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from chalicelib.local.client import local_client
from chalicelib.local.moto import rows
from chalicelib.local.moto.backends import Backends
from chalicelib.local.tables import create_tables
from tests.support.engine import new_s3_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CATALOG = "catalog"
NAMES = st.sampled_from(["a", "b", "c", "d"])


class Moto:
    """The application's tables in moto."""

    def __init__(self) -> None:
        self.backends = Backends()
        self.client: DynamoDBClient = local_client()
        self.backends.attach(self.client)
        create_tables(self.client, catalog=CATALOG, objects="objects")

    @property
    def table(self) -> Table:
        return dynamodb_backends[self.backends.account]["us-east-1"].tables[CATALOG]

    def state(self) -> tuple[list[Any], int]:
        """Returns all rows, and the number of records in the stream."""
        assert self.table.stream_shard is not None
        return list(rows.rows_of(self.backends.account, CATALOG)), len(self.table.stream_shard.items)


@pytest.fixture
def moto() -> Iterator[Moto]:
    made = Moto()
    yield made
    rows.delete_tables(made.backends.account)


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": name[0]}, "sk": {"S": name}}


def put_step(name: str) -> dict[str, Any]:
    return {"Put": {"TableName": CATALOG, "Item": {**key(name), "list": {"L": [{"N": "1"}]}}}}


def update_step(name: str) -> dict[str, Any]:
    values = {":one": {"N": "1"}, ":more": {"L": [{"S": "x"}]}, ":none": {"L": []}}
    grown = "ADD n :one SET #l = list_append(if_not_exists(#l, :none), :more)"
    names = {"#l": "list"}
    update = {"UpdateExpression": grown, "ExpressionAttributeValues": values, "ExpressionAttributeNames": names}
    return {"Update": {"TableName": CATALOG, "Key": key(name), **update}}


def delete_step(name: str) -> dict[str, Any]:
    return {"Delete": {"TableName": CATALOG, "Key": key(name)}}


def check_step(name: str) -> dict[str, Any]:
    return {"ConditionCheck": {"TableName": CATALOG, "Key": key(name), "ConditionExpression": "attribute_exists(pk)"}}


def one_per_row(steps: list[tuple[Callable[[str], Any], str]]) -> list[dict[str, Any]]:
    return [make(name) for make, name in {name: (make, name) for make, name in steps}.values()]


STEPS = st.lists(st.tuples(st.sampled_from([put_step, update_step, delete_step]), NAMES), min_size=1, max_size=4).map(
    one_per_row
)


@settings(max_examples=40)
@given(present=st.sets(NAMES), steps=STEPS, position=st.integers(0, 4))
def test_a_cancelled_transaction_changes_no_row_and_no_stream_record(
    moto: Moto, present: set[str], steps: list[Any], position: int
) -> None:
    for name in sorted(present):
        moto.client.put_item(TableName=CATALOG, Item=put_step(name)["Put"]["Item"])
    cancelled: list[Any] = [*steps[:position], check_step("missing"), *steps[position:]]
    before = moto.state()
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        moto.client.transact_write_items(TransactItems=cancelled)
    assert moto.state() == before


@settings(max_examples=40)
@given(present=st.sets(NAMES), steps=STEPS)
def test_a_transaction_gives_the_same_rows_as_its_steps_one_by_one(
    moto: Moto, present: set[str], steps: list[Any]
) -> None:
    single = {"Put": moto.client.put_item, "Update": moto.client.update_item, "Delete": moto.client.delete_item}
    outcomes = []
    for together in (True, False):
        for row in moto.state()[0]:
            moto.client.delete_item(TableName=CATALOG, Key={"pk": row["pk"], "sk": row["sk"]})
        for name in sorted(present):
            moto.client.put_item(TableName=CATALOG, Item=put_step(name)["Put"]["Item"])
        if together:
            moto.client.transact_write_items(TransactItems=steps)
        else:
            for step in steps:
                for kind, parameters in step.items():
                    call: Any = single[kind]
                    call(**parameters)
        outcomes.append(moto.state()[0])
    assert outcomes[0] == outcomes[1]


def test_an_update_that_moto_rejects_late_leaves_no_row(moto: Moto) -> None:
    before = moto.state()
    update = {"UpdateExpression": "DELETE s :number", "ExpressionAttributeValues": {":number": {"N": "1"}}}
    with pytest.raises(ClientError):
        moto.client.update_item(TableName=CATALOG, Key=key("a"), **update)  # type: ignore[arg-type]
    assert moto.state() == before


def test_a_rejected_batch_write_writes_nothing(moto: Moto) -> None:
    before = moto.state()
    too_large = {**key("b"), "body": {"S": "x" * 500_000}}
    requests: list[Any] = [{"PutRequest": {"Item": item}} for item in (key("a"), too_large)]
    with pytest.raises(ClientError):
        moto.client.batch_write_item(RequestItems={CATALOG: requests})
    assert moto.state() == before


def test_an_invalid_transaction_changes_nothing(moto: Moto) -> None:
    before = moto.state()
    twice: list[Any] = [put_step("a"), put_step("a")]
    keyless: list[Any] = [put_step("a"), {"Put": {"TableName": CATALOG, "Item": {"pk": {"S": "a"}}}}]
    for steps in (twice, keyless):
        with pytest.raises(ClientError):
            moto.client.transact_write_items(TransactItems=steps)
        assert moto.state() == before


CONDITIONS = [
    ("", {}),
    (" AND sk = :a", {":a": {"S": "p3"}}),
    (" AND begins_with(sk, :a)", {":a": {"S": "p1"}}),
    (" AND sk BETWEEN :a AND :b", {":a": {"S": "p2"}, ":b": {"S": "p6"}}),
    (" AND sk > :a", {":a": {"S": "p5"}}),
    (" AND sk <= :a", {":a": {"S": "p5"}}),
]


@pytest.mark.parametrize(("condition", "values"), CONDITIONS)
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_the_pages_of_a_query_have_every_matching_row_in_order(
    moto: Moto, condition: str, values: dict[str, Any], forward: bool, limit: int
) -> None:
    for name in ["q1", *(f"p{number}" for number in (3, 1, 9, 4, 15, 2, 6, 5))]:
        moto.client.put_item(TableName=CATALOG, Item=key(name))
    query: dict[str, Any] = {
        "KeyConditionExpression": f"pk = :p{condition}",
        "ExpressionAttributeValues": {":p": {"S": "p"}, **values},
        "ScanIndexForward": forward,
    }
    pages = moto.client.get_paginator("query").paginate(
        TableName=CATALOG, PaginationConfig={"PageSize": limit}, **query
    )
    found = [row["sk"]["S"] for page in pages for row in page["Items"]]
    tests: dict[str, Callable[[str], bool]] = {
        "": lambda _: True,
        " AND sk = :a": lambda sk: sk == "p3",
        " AND begins_with(sk, :a)": lambda sk: sk.startswith("p1"),
        " AND sk BETWEEN :a AND :b": lambda sk: "p2" <= sk <= "p6",
        " AND sk > :a": lambda sk: sk > "p5",
        " AND sk <= :a": lambda sk: sk <= "p5",
    }
    every = sorted(f"p{number}" for number in (1, 2, 3, 4, 5, 6, 9, 15))
    wanted = [sk for sk in every if tests[condition](sk)]
    assert found == (wanted if forward else wanted[::-1])


PAGES = st.fixed_dictionaries(
    {"Limit": st.integers(1, 12), "ScanIndexForward": st.booleans()},
    optional={
        "ExclusiveStartKey": st.integers(0, 30).map(lambda number: key(f"p{number}")),
        "FilterExpression": st.just("attribute_exists(optional)"),
    },
)


@settings(max_examples=60)
@given(numbers=st.sets(st.integers(0, 30)), options=PAGES, condition=st.sampled_from(CONDITIONS))
def test_a_page_is_the_same_as_without_the_patch(
    moto: Moto, numbers: set[int], options: dict[str, Any], condition: tuple[str, dict[str, Any]]
) -> None:
    moto.table.items = defaultdict(dict)
    for number in numbers:
        optional = {"optional": {"BOOL": True}} if number % 2 else {}
        moto.client.put_item(TableName=CATALOG, Item={**key(f"p{number}"), **optional})
    query = {
        "TableName": CATALOG,
        "KeyConditionExpression": f"pk = :p{condition[0]}",
        "ExpressionAttributeValues": {":p": {"S": "p"}, **condition[1]},
        "ReturnConsumedCapacity": "TOTAL",
        **options,
    }
    patched: Any = Table.query
    page = moto.client.query(**query)
    with patch.object(Table, "query", patched.__wrapped__):
        original_page = moto.client.query(**query)
    compared = ["Items", "Count", "ScannedCount", "ConsumedCapacity"]
    if not condition[0]:  # with a key condition, a page that ends with the last match may have a LastEvaluatedKey
        compared.append("LastEvaluatedKey")
    assert [page.get(name) for name in compared] == [original_page.get(name) for name in compared]


@pytest.mark.parametrize("body", ["", "{}", b"<a/>", "<a><RequestId>old</RequestId></a>"])
def test_an_xml_response_has_the_id_of_its_request(moto: Moto, body: Any) -> None:
    headers, enriched = BaseResponse._enrich_response({}, body)
    (identifier,) = headers.values()
    assert enriched == (body.replace("old", identifier) if isinstance(body, str) else body)


def test_text_in_a_row_is_not_replaced_by_the_id_of_a_request(moto: Moto) -> None:
    body = '{"Items":[{"a":{"S":"<RequestId>one</RequestId>"}},{"a":{"S":"<RequestId>two</RequestId>"}}]}'
    assert BaseResponse._enrich_response({}, body)[1] == body


def test_errors_do_not_depend_on_the_configuration_of_aws_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    files = new_s3_client(Backends())
    files.create_bucket(Bucket="files")
    monkeypatch.setenv("AWS_PROFILE", "unknown-profile")
    service_name_from_moto_package_name.cache_clear()

    with pytest.raises(ClientError) as raised:
        files.get_object(Bucket="files", Key="missing")

    assert raised.value.response["Error"]["Code"] == "NoSuchKey"
