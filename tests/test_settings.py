"""Tests of the settings that are read from environment variables."""

from __future__ import annotations

import pytest

from chalicelib.settings import SettingInvalid, Settings, base_url, read_settings


def test_an_empty_environment_and_empty_variables_give_the_defaults() -> None:
    assert read_settings({}) == read_settings({"BUCKETS_ENGINE": "", "BUCKETS_PORT": ""}) == Settings()


def test_each_variable_sets_its_setting() -> None:
    read = read_settings({"BUCKETS_ENGINE": "embedded", "BUCKETS_PORT": "9000", "BUCKETS_DATA_DIR": "kept"})
    assert (read.engine, read.port, read.data_dir) == ("embedded", 9000, "kept")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUCKETS_ENGINE", "azure"),
        ("BUCKETS_LOG_LEVEL", "loud"),
        ("BUCKETS_PORT", "0"),
        ("BUCKETS_PORT", "65535"),
        ("BUCKETS_PORT", "eight"),
        ("BUCKETS_PORT", "²"),
        ("BUCKETS_PUBLIC_URL", "example.com"),
    ],
)
def test_an_invalid_value_raises_an_error_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        read_settings({name: value})


def test_the_base_url_is_the_public_url_or_that_of_the_local_server() -> None:
    assert base_url(Settings(public_url="https://example.com/api/")) == "https://example.com/api"
    assert base_url(Settings(engine="embedded", port=9000)) == "http://127.0.0.1:9000"
    assert base_url(Settings()) == ""
