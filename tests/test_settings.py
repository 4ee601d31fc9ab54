"""Settings come from the environment, fit, or are refused with the name of the variable."""

from __future__ import annotations

import pytest

from chalicelib.settings import SettingInvalid, Settings, base_url, read_settings


def test_an_empty_environment_and_empty_variables_give_the_defaults() -> None:
    assert read_settings({}) == read_settings({"BUCKETS_ENGINE": "", "BUCKETS_PORT": ""}) == Settings()


def test_each_variable_sets_its_own_setting() -> None:
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
def test_a_value_that_does_not_fit_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        read_settings({name: value})


def test_the_address_is_the_given_one_or_that_of_the_local_server() -> None:
    assert base_url(Settings(public_url="https://example.com/api/")) == "https://example.com/api"
    assert base_url(Settings(engine="embedded", port=9000)) == "http://127.0.0.1:9000"
    assert base_url(Settings()) == ""
