from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader

from chalicelib.aws.clients import (
    COPY_TIMEOUT_SECONDS,
    UNCONVERTED_SHAPES,
    DynamoDBLoader,
    dynamodb_client,
    events_client,
    kms_client,
    probe_client,
    s3_client,
    s3_copy_client,
    sqs_client,
)
from chalicelib.blobs.store import LARGE_COPY_BYTES
from chalicelib.connections import connect_s3
from chalicelib.health.checks import CHECK_TIME_LIMIT_SECONDS
from chalicelib.settings import Settings
from chalicelib.uploads.confirming import TASK_BYTES
from tests.support.engine import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[2]
VARIABLES = (
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_S3",
)
REGIONS = ["us-east-1", "eu-central-2", "ap-southeast-7", "us-gov-west-1", "cn-northwest-1", "us-iso-east-1"]


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({}, "https://dynamodb.us-east-1.amazonaws.com"),
        ({"AWS_REGION": "eu-west-1"}, "https://dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "https://dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"}, "http://127.0.0.1:2"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"},
            "http://127.0.0.1:2",
        ),
    ],
)
def test_the_client_calls_the_endpoint_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], endpoint: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert dynamodb_client(Settings()).meta.endpoint_url == endpoint


@pytest.mark.parametrize("new_client", [dynamodb_client, s3_client, sqs_client, events_client, kms_client])
def test_the_endpoints_of_other_services_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch, new_client: Callable[[Settings], Any]
) -> None:
    read: list[str] = []
    load = JSONFileLoader.load_file

    def noted(loader: JSONFileLoader, path: str) -> Any:
        read.append(Path(path).name)
        return load(loader, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", noted)
    new_client(Settings())
    assert "service-2" in read
    assert "endpoints" not in read


@pytest.mark.parametrize("service", ["sts", "sso", "sso-oidc", "signin"])
def test_the_endpoints_of_services_that_provide_credentials_are_found(service: Any) -> None:
    session = botocore.session.Session()
    session.register_component("data_loader", DynamoDBLoader())
    theirs = boto3.client(service, region_name="eu-west-1").meta
    ours = session.create_client(service, region_name="eu-west-1").meta
    assert ours.endpoint_url == theirs.endpoint_url


def test_a_probe_times_out_within_the_budget_of_a_health_check() -> None:
    config: Any = probe_client(Settings()).meta.config
    assert config.connect_timeout + config.read_timeout <= CHECK_TIME_LIMIT_SECONDS
    assert config.retries["total_max_attempts"] == 1


def test_a_copy_may_take_as_long_as_the_functions_that_copy_large_files() -> None:
    config: Any = s3_copy_client(Settings()).meta.config
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    limit = min(functions[name]["lambda_timeout"] for name in ("on_task", "on_blob_arrival"))
    assert limit / 2 < config.read_timeout < limit - 60
    assert config.retries["total_max_attempts"] == 1
    usual: Any = s3_client(Settings()).meta.config
    assert (config.signature_version, config.connect_timeout) == (usual.signature_version, usual.connect_timeout)
    # Requests copy no file that needs this client.
    assert TASK_BYTES <= LARGE_COPY_BYTES


def test_large_files_are_copied_with_a_client_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = connect_s3(Settings())
    assert s3() is s3()
    assert s3.copies() is s3.copies()
    configs: list[Any] = [client.meta.config for client in (s3(), s3.copies())]
    assert [config.read_timeout for config in configs] == [5, COPY_TIMEOUT_SECONDS]
    monkeypatch.setattr("chalicelib.local.engine.connect_s3", lambda settings: object())
    embedded = connect_s3(Settings(engine="embedded"))
    assert embedded.copies() is embedded()


def test_the_shapes_that_are_not_converted_exist_in_the_dynamodb_model() -> None:
    described = botocore.session.Session().get_service_model("dynamodb")
    assert set(UNCONVERTED_SHAPES) <= set(described.shape_names)


def test_a_shape_that_an_older_botocore_does_not_have_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Loader.load_service_model

    def load_older(loader: Loader, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = load(loader, service_name, type_name, api_version)
        model["shapes"].pop("ConsumedCapacityMultiple")
        return model

    monkeypatch.setattr(Loader, "load_service_model", load_older)
    shapes = DynamoDBLoader().load_service_model("dynamodb", "service-2")["shapes"]
    assert "ConsumedCapacityMultiple" not in shapes
    assert {name for name, shape in shapes.items() if shape.get("document")} == {*UNCONVERTED_SHAPES} - {
        "ConsumedCapacityMultiple"
    }


def test_rows_are_sent_and_received_unchanged(client: DynamoDBClient, tables: Tables) -> None:
    row = {"pk": {"S": "p"}, "sk": {"S": "s"}, "deep": {"M": {"list": {"L": [{"N": "1"}, {"NULL": True}]}}}}
    client.put_item(TableName=tables.catalog, Item=row)  # type: ignore[arg-type]
    response = client.get_item(TableName=tables.catalog, Key={"pk": row["pk"], "sk": row["sk"]})  # type: ignore[dict-item]
    assert response["Item"] == row


@pytest.mark.parametrize("region", REGIONS)
def test_the_endpoint_of_each_region_is_that_of_a_default_client(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    theirs = boto3.client("dynamodb", region_name=region).meta
    ours = dynamodb_client(Settings()).meta
    assert (ours.endpoint_url, ours.partition, ours.region_name) == (theirs.endpoint_url, theirs.partition, region)


NEW_CLIENTS: dict[str, tuple[Callable[[Settings], Any], Callable[[Any], object]]] = {
    "dynamodb": (dynamodb_client, lambda client: client.list_tables()),
    "s3": (s3_client, lambda client: client.head_bucket(Bucket="films")),
    "sqs": (sqs_client, lambda client: client.list_queues()),
    "events": (events_client, lambda client: client.list_event_buses()),
    "kms": (kms_client, lambda client: client.list_keys()),
}


class Sent(Exception):
    """A client was about to send a request to this URL."""


def url_of_a_call(client: Any, call: Callable[[Any], object]) -> str:
    def stop(request: Any, **_: Any) -> None:
        raise Sent(request.url)

    client.meta.events.register_first("before-send", stop)
    with pytest.raises(Sent) as sent:
        call(client)
    return str(sent.value)


@pytest.mark.parametrize("service", NEW_CLIENTS)
@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "eu-west-1"])
@pytest.mark.parametrize("names", [("FIPS",), ("DUALSTACK",), ("FIPS", "DUALSTACK"), ()])
def test_the_settings_for_other_endpoints_have_the_effect_that_they_have_on_a_default_client(
    monkeypatch: pytest.MonkeyPatch, service: Any, region: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    for name in names:
        monkeypatch.setenv(f"AWS_USE_{name}_ENDPOINT", "true")
    new_client, call = NEW_CLIENTS[service]
    regional = Config(s3={"us_east_1_regional_endpoint": "regional"})
    theirs = botocore.session.Session().create_client(service, region_name=region, config=regional)
    assert url_of_a_call(new_client(Settings()), call) == url_of_a_call(theirs, call)


@pytest.mark.parametrize("region", REGIONS)
def test_files_are_sent_to_the_regional_endpoint(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    by_host = Config(s3={"us_east_1_regional_endpoint": "regional", "addressing_style": "virtual"})
    theirs, ours = boto3.client("s3", region_name=region, config=by_host), s3_client(Settings())
    assert (ours.meta.partition, ours.meta.region_name) == (theirs.meta.partition, region)
    url, expected = (
        client.generate_presigned_url("get_object", Params={"Bucket": "films", "Key": "k"}) for client in (ours, theirs)
    )
    assert url.partition("?")[0] == expected.partition("?")[0]
    assert f".{region}." in url
    assert f"%2F{region}%2Fs3%2Faws4_request" in url


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_files_are_sent_to_the_endpoint_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://localhost:9000")
    url = s3_client(Settings()).generate_presigned_url("get_object", Params={"Bucket": "films", "Key": "k"})
    assert url.startswith("http://localhost:9000/films/k?")


def test_an_upload_url_requires_no_checksum() -> None:
    url = s3_client(Settings()).generate_presigned_url("put_object", Params={"Bucket": "films", "Key": "k"})
    assert "checksum" not in url.lower()
