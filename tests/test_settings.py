"""Tests of the settings that are read from environment variables."""

from __future__ import annotations

import pytest

from chalicelib.settings import ENGINES, SettingInvalid, Settings, base_url, read_settings


def test_an_empty_environment_and_empty_variables_give_the_defaults() -> None:
    assert read_settings({}) == read_settings({"BUCKETS_ENGINE": "", "BUCKETS_PORT": ""}) == Settings()


def test_each_variable_sets_its_setting() -> None:
    read = read_settings({"BUCKETS_ENGINE": "embedded", "BUCKETS_PORT": "9000", "BUCKETS_DATA_DIR": "kept"})
    assert (read.engine, read.port, read.data_dir) == ("embedded", 9000, "kept")


@pytest.mark.parametrize("engine", ENGINES)
def test_webhooks_to_private_networks_must_be_permitted(engine: str) -> None:
    assert not read_settings({"BUCKETS_ENGINE": engine}).allow_private_urls
    assert read_settings({"BUCKETS_ALLOW_PRIVATE_URLS": "true"}).allow_private_urls


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUCKETS_ENGINE", "azure"),
        ("BUCKETS_LOG_LEVEL", "loud"),
        ("BUCKETS_PORT", "0"),
        ("BUCKETS_PORT", "65535"),
        ("BUCKETS_BATCH_THREADS", "0"),
        ("BUCKETS_BATCH_THREADS", "65"),
        ("BUCKETS_PORT", "eight"),
        ("BUCKETS_PORT", "²"),
        ("BUCKETS_PUBLIC_URL", "example.com"),
        ("BUCKETS_SINGLE_STREAM_SHARD", "yes"),
        ("BUCKETS_ALLOW_PRIVATE_URLS", "1"),
        ("BUCKETS_PROCESSOR", "hook"),
        ("BUCKETS_PROCESSOR", "hook:"),
        ("BUCKETS_PROCESSOR", "my hook:process"),
        ("BUCKETS_PROCESSOR", "hook.py:process:more"),
        ("BUCKETS_PROCESSOR", "arn:aws:lambda:us-east-1:123:function:hook"),
        ("BUCKETS_PROCESSOR", "arn:aws:s3:us-east-1:123456789012:function:hook"),
        ("BUCKETS_PROCESSOR_TIMEOUT_SECONDS", "0"),
        ("BUCKETS_PROCESSOR_TIMEOUT_SECONDS", "241"),
        ("BUCKETS_PROCESSOR_TIMEOUT_SECONDS", "1.5"),
    ],
)
def test_an_invalid_value_raises_an_error_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        read_settings({name: value})


def test_the_embedded_engine_has_no_key() -> None:
    environment = {"BUCKETS_SECRETS_KEY": "arn:aws:kms:us-east-1:123456789012:key/1"}
    assert read_settings(environment).secrets_key
    with pytest.raises(SettingInvalid, match="BUCKETS_SECRETS_KEY"):
        read_settings({**environment, "BUCKETS_ENGINE": "embedded"})


@pytest.mark.parametrize(
    "value",
    [
        "hook:process",
        "studio.hooks.posters:process_poster",
        "arn:aws:lambda:us-east-1:123456789012:function:hook",
        "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:hook:$LATEST",
    ],
)
def test_a_hook_is_a_function_of_a_module_or_a_lambda_function(value: str) -> None:
    read = read_settings({"BUCKETS_PROCESSOR": value, "BUCKETS_PROCESSOR_TIMEOUT_SECONDS": "240"})
    assert (read.processor, read.processor_timeout_seconds) == (value, 240)


def test_the_base_url_is_the_public_url_or_that_of_the_local_server() -> None:
    assert base_url(Settings(public_url="https://example.com/api/")) == "https://example.com/api"
    assert base_url(Settings(engine="embedded", port=9000)) == "http://127.0.0.1:9000"
    assert base_url(Settings()) == ""
