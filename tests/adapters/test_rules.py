import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.adapters.rules import (
    MAX_ADAPTER_BYTES,
    MIN_SECRET_CHARS,
    SourceAdapterConfig,
    check_adapter,
    sets_secret,
    shown_adapter,
    stored_adapter,
    webhook_url,
)
from chalicelib.core.errors import NotEnabled, RequestInvalid

SCHEMA = {"properties": {"title": {"type": "string"}, "clip": {"type": "video"}, "photo": {"type": "image"}}}
AT = ("body", "source_adapter")
URL = "https://api.example.com/v1/webhooks/mux/bkt_1"
GENERATED = "generated-by-the-service"
FULL: dict[str, Any] = {
    "adapter_type": "mux",
    "enabled": False,
    "connection_id": "conn_a-1",
    "connection": {"api_base_url": "https://mux.example.com/v1?x=@", "credentials": {"token": "t0p", "n": 1}},
    "event_filter": {"event_types": ["video.asset.ready"]},
    "field_mapping": {"data.title": "title"},
    "blob_source": {"file_field": "data.url", "target_property": "photo", "blob_type": "image"},
    "batching": {"mode": "count", "window_seconds": 5, "max_batch_size": 1000, "auto_submit": False},
    "dedup_key": "data.id",
    "webhook_secret": "s3cret",
    "webhook_url": URL,
    "source_collection_id": None,
    "source_filters": None,
    "source_bucket_ids": None,
}


def config(**given_: Any) -> SourceAdapterConfig:
    return SourceAdapterConfig.model_validate_json(json.dumps({"adapter_type": "mux", **given_}))


def shape_errors(**given_: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        config(**given_)
    return [(error["loc"], error["type"]) for error in caught.value.errors()]


def problems(call: Callable[[], object]) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(RequestInvalid) as caught:
        call()
    return [(problem.location, problem.type) for problem in caught.value.problems]


def stored(previous: dict[str, Any] | None = None, /, **given_: Any) -> dict[str, Any]:
    return stored_adapter(config(**given_), previous, new_secret=lambda: GENERATED, webhook_url=URL)


# The shape


def test_defaults_are_filled_in() -> None:
    assert stored(blob_source={"file_field": "url", "target_property": "clip"}) == {
        "adapter_type": "mux",
        "enabled": True,
        "connection_id": None,
        "connection": None,
        "event_filter": None,
        "field_mapping": {},
        "blob_source": {"file_field": "url", "target_property": "clip", "blob_type": "video"},
        "batching": {"mode": "time_window", "window_seconds": 30, "max_batch_size": 100, "auto_submit": True},
        "dedup_key": None,
        "webhook_secret": GENERATED,
        "webhook_url": URL,
        "source_collection_id": None,
        "source_filters": None,
        "source_bucket_ids": None,
    }


def test_every_field_is_kept_as_given() -> None:
    assert stored(**FULL) == FULL


@pytest.mark.parametrize("type_", ["mux", "iconik", "generic_webhook", "supabase"])
def test_webhook_types_have_a_url_and_a_secret(type_: str) -> None:
    check_adapter(config(adapter_type=type_), SCHEMA)
    assert (
        webhook_url("https://api.example.com/", type_, "bkt_1") == f"https://api.example.com/v1/webhooks/{type_}/bkt_1"
    )
    assert stored(adapter_type=type_)["webhook_secret"] == GENERATED


@pytest.mark.parametrize(
    ("given_", "location", "type_"),
    [
        ({"adapter_type": "ftp"}, ("adapter_type",), "literal_error"),
        ({"adapter_type": None}, ("adapter_type",), "literal_error"),
        ({"unknown": 1}, ("unknown",), "extra_forbidden"),
        ({"enabled": "yes"}, ("enabled",), "bool_type"),
        ({"connection_id": "con_1"}, ("connection_id",), "string_pattern_mismatch"),
        ({"connection_id": "conn_"}, ("connection_id",), "string_pattern_mismatch"),
        ({"connection": {"password": "x"}}, ("connection", "password"), "extra_forbidden"),
        ({"connection": {"credentials": []}}, ("connection", "credentials"), "dict_type"),
        (
            {"connection": {"api_base_url": "ftp://x"}},
            ("connection", "api_base_url"),
            "string_pattern_mismatch",
        ),
        (
            {"connection": {"api_base_url": "https://user:pass@example.com"}},
            ("connection", "api_base_url"),
            "string_pattern_mismatch",
        ),
        ({"event_filter": {"event_types": "all"}}, ("event_filter", "event_types"), "list_type"),
        ({"event_filter": {"event_types": [""]}}, ("event_filter", "event_types", 0), "string_too_short"),
        ({"field_mapping": {"": "title"}}, ("field_mapping", "", "[key]"), "string_too_short"),
        ({"field_mapping": {"a": 1}}, ("field_mapping", "a"), "string_type"),
        ({"blob_source": {"target_property": "clip"}}, ("blob_source", "file_field"), "missing"),
        ({"blob_source": {"file_field": "x"}}, ("blob_source", "target_property"), "missing"),
        (
            {"blob_source": {"file_field": "x", "target_property": "clip", "blob_type": "string"}},
            ("blob_source", "blob_type"),
            "literal_error",
        ),
        ({"batching": {"mode": "daily"}}, ("batching", "mode"), "literal_error"),
        ({"batching": {"window_seconds": 4}}, ("batching", "window_seconds"), "greater_than_equal"),
        ({"batching": {"window_seconds": 301}}, ("batching", "window_seconds"), "less_than_equal"),
        ({"batching": {"window_seconds": "30"}}, ("batching", "window_seconds"), "int_type"),
        ({"batching": {"max_batch_size": 0}}, ("batching", "max_batch_size"), "greater_than_equal"),
        ({"batching": {"max_batch_size": 1001}}, ("batching", "max_batch_size"), "less_than_equal"),
        ({"dedup_key": ""}, ("dedup_key",), "string_too_short"),
        ({"webhook_secret": ""}, ("webhook_secret",), "string_too_short"),
        ({"source_bucket_ids": [f"bkt_{n}" for n in range(21)]}, ("source_bucket_ids",), "too_long"),
        ({"source_bucket_ids": [None]}, ("source_bucket_ids", 0), "string_type"),
    ],
)
def test_another_shape_is_rejected_with_the_location(
    given_: dict[str, Any], location: tuple[str | int, ...], type_: str
) -> None:
    assert shape_errors(**given_) == [(location, type_)]


def test_a_blob_type_is_accepted_in_any_letter_case() -> None:
    blob = {"file_field": "x", "target_property": "photo", "blob_type": "IMAGE"}
    check_adapter(config(blob_source=blob), SCHEMA)
    assert stored(blob_source=blob)["blob_source"]["blob_type"] == "image"


# The rules


def test_targets_must_be_fields_of_the_schema() -> None:
    adapter = config(
        field_mapping={"a": "title", "b.c": "nowhere"},
        blob_source={"file_field": "x", "target_property": "nothing"},
    )
    assert problems(lambda: check_adapter(adapter, SCHEMA)) == [
        ((*AT, "field_mapping", "b.c"), "unknown_field"),
        ((*AT, "blob_source", "target_property"), "unknown_field"),
    ]


@pytest.mark.parametrize("target", ["photo", "title"])
def test_the_target_of_a_file_must_have_its_type(target: str) -> None:
    adapter = config(blob_source={"file_field": "x", "target_property": target})
    assert problems(lambda: check_adapter(adapter, SCHEMA)) == [((*AT, "blob_source", "blob_type"), "type_mismatch")]


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"adapter_type": "collection", "field_mapping": {"a": "nowhere"}}, "source_adapter.adapter_type"),
        ({"source_collection_id": "col_1"}, "source_adapter.source_collection_id"),
        ({"source_filters": {"AND": []}}, "source_adapter.source_filters"),
    ],
)
def test_collections_are_not_enabled(given_: dict[str, Any], field: str) -> None:
    with pytest.raises(NotEnabled) as caught:
        check_adapter(config(**given_), SCHEMA)
    assert caught.value.details == {"field": field}
    assert field in caught.value.text


def test_empty_collection_fields_are_ignored() -> None:
    check_adapter(config(source_collection_id="", source_filters={}), SCHEMA)


def test_an_adapter_of_type_bucket_names_each_source_once() -> None:
    check_adapter(config(adapter_type="bucket", source_bucket_ids=["bkt_2", "bkt_3"]), SCHEMA)
    at = (*AT, "source_bucket_ids")
    cases: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [(at, "missing")]),
        ({"source_bucket_ids": []}, [(at, "missing")]),
        ({"source_bucket_ids": ["bkt_2", "bkt_3", "bkt_2"]}, [((*at, 2), "duplicate")]),
        (
            {"source_bucket_ids": ["bkt_2"], "webhook_secret": "redacted"},
            [((*AT, "webhook_secret"), "contradiction")],
        ),
    ]
    for given_, expected in cases:
        adapter = config(adapter_type="bucket", **given_)
        assert problems(lambda: check_adapter(adapter, SCHEMA)) == expected  # noqa: B023


def test_an_adapter_of_type_bucket_has_neither_secret_nor_url() -> None:
    adapter = config(adapter_type="bucket", source_bucket_ids=["bkt_2"])
    url = webhook_url("https://api.example.com", "bucket", "bkt_1")
    document = stored_adapter(adapter, None, new_secret=lambda: pytest.fail("no secret is needed"), webhook_url=url)
    assert (document["webhook_secret"], document["webhook_url"]) == (None, None)
    assert not sets_secret(adapter)
    assert shown_adapter(document)["webhook_secret"] is None


def test_only_an_adapter_of_type_bucket_has_source_buckets() -> None:
    check_adapter(config(source_bucket_ids=[]), SCHEMA)
    adapter = config(source_bucket_ids=["bkt_2"])
    assert problems(lambda: check_adapter(adapter, SCHEMA)) == [((*AT, "source_bucket_ids"), "contradiction")]


def test_the_size_of_an_adapter_is_limited() -> None:
    adapter = config(connection={"credentials": {"key": "x" * MAX_ADAPTER_BYTES}})
    assert problems(lambda: check_adapter(adapter, SCHEMA)) == [(AT, "adapter_too_large")]


# The paths


@pytest.mark.parametrize(
    "path",
    [
        "data.title",
        "data.items.0.id",
        "jmespath:data.items[?ready].id | [0]",
        "jmespath:not_null(a, b)",
        "jmespath",
        ".",
    ],
)
def test_dotted_paths_and_expressions_are_accepted(path: str) -> None:
    blob = {"file_field": path, "target_property": "clip"}
    check_adapter(config(field_mapping={path: "title"}, blob_source=blob, dedup_key=path), SCHEMA)


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("a" + ".a" * 21, "path_too_deep"),
        ("jmespath:", "jmespath_invalid"),
        ("jmespath:data.items[", "jmespath_invalid"),
        ("jmespath:data items", "jmespath_invalid"),
        ("jmespath:'open", "jmespath_invalid"),
        ("jmespath:unknown(data)", "jmespath_invalid"),
        ("jmespath:length()", "jmespath_invalid"),
        ("jmespath:&data", "jmespath_invalid"),
        ("jmespath:items[::0]", "jmespath_invalid"),
        ("jmespath:" + "[" * 200 + "a" + "]" * 200, "jmespath_invalid"),
        ("jmespath:" + "!" * 490 + "a", "jmespath_invalid"),
    ],
)
def test_every_path_that_cannot_be_used_is_rejected_with_its_location(path: str, type_: str) -> None:
    blob = {"file_field": path, "target_property": "clip"}
    adapter = config(field_mapping={"ok": "title", path: "title"}, blob_source=blob, dedup_key=path)
    assert problems(lambda: check_adapter(adapter, SCHEMA)) == [
        ((*AT, "field_mapping", path), type_),
        ((*AT, "blob_source", "file_field"), type_),
        ((*AT, "dedup_key"), type_),
    ]


def test_the_message_for_an_expression_says_what_is_wrong() -> None:
    adapter = config(dedup_key="jmespath:data.items[?id == ]")
    with pytest.raises(RequestInvalid) as caught:
        check_adapter(adapter, SCHEMA)
    assert caught.value.problems[0].message.startswith("Not a JMESPath expression: ")
    assert "column" in caught.value.problems[0].message
    assert "\n" not in caught.value.problems[0].message


# The URL


def test_the_webhook_url_may_be_sent_back_and_not_chosen() -> None:
    assert stored(webhook_url=URL)["webhook_url"] == URL
    assert stored(webhook_url=None)["webhook_url"] == URL
    before = {**stored(), "webhook_url": "https://old.example.com/v1/webhooks/mux/bkt_1"}
    assert stored(before, webhook_url=before["webhook_url"])["webhook_url"] == URL
    for url in ("https://evil.example.com", URL + "/", ""):
        assert problems(lambda: stored(webhook_url=url)) == [((*AT, "webhook_url"), "read_only")]  # noqa: B023


# The secret


def test_a_secret_is_set_generated_or_kept() -> None:
    assert stored(webhook_secret="given")["webhook_secret"] == "given"
    assert stored(webhook_secret=None)["webhook_secret"] == GENERATED
    assert stored(stored(webhook_secret="given"), webhook_secret="redacted")["webhook_secret"] == "given"
    assert stored(stored(webhook_secret="given"), webhook_secret="new")["webhook_secret"] == "new"
    assert stored(stored(webhook_secret="given"))["webhook_secret"] == GENERATED


def test_a_secret_of_the_client_has_at_least_16_characters() -> None:
    check_adapter(config(webhook_secret="x" * 16), SCHEMA)
    for secret in ("x" * 15, "redacted ", "REDACTED"):
        assert problems(lambda: check_adapter(config(webhook_secret=secret), SCHEMA)) == [  # noqa: B023
            ((*AT, "webhook_secret"), "string_too_short")
        ]


def test_a_shorter_secret_that_is_stored_already_can_be_kept() -> None:
    kept = config(webhook_secret="redacted")
    check_adapter(kept, SCHEMA)
    before = {**stored(), "webhook_secret": "short"}
    assert stored_adapter(kept, before, new_secret=lambda: GENERATED, webhook_url=URL)["webhook_secret"] == "short"


def test_a_secret_that_is_not_stored_cannot_be_kept() -> None:
    over_buckets = {**stored(), "adapter_type": "bucket", "webhook_secret": None}
    for before in (None, over_buckets):
        assert problems(lambda: stored(before, webhook_secret="redacted")) == [  # noqa: B023
            ((*AT, "webhook_secret"), "nothing_to_keep")
        ]


def test_only_the_write_that_sets_the_secret_reveals_it() -> None:
    document = stored(webhook_secret="given")
    assert shown_adapter(document, webhook_secret="given")["webhook_secret"] == "given"
    assert shown_adapter(document)["webhook_secret"] == "redacted"
    assert sets_secret(config(webhook_secret="given"))
    assert sets_secret(config())
    assert not sets_secret(config(webhook_secret="redacted"))


# The credentials


def test_credentials_are_never_returned() -> None:
    for secret in ("given", None):
        shown = shown_adapter(stored(**FULL), webhook_secret=secret)
        assert shown["connection"] == {
            "api_base_url": FULL["connection"]["api_base_url"],
            "credentials": {"token": "redacted", "n": "redacted"},
        }
    bare = shown_adapter(stored(connection={}))
    assert bare["connection"] == {"api_base_url": None, "credentials": {}}


def test_redacted_credentials_keep_their_value_and_absent_ones_are_removed() -> None:
    url = FULL["connection"]["api_base_url"]
    written = {"api_base_url": url, "credentials": {"token": "redacted", "new": {"a": 1}}}
    assert stored(stored(**FULL), connection=written)["connection"]["credentials"] == {
        "token": "t0p",
        "new": {"a": 1},
    }


def test_credentials_that_are_not_stored_cannot_be_kept() -> None:
    written = {"credentials": {"token": "redacted"}}
    for before in (None, stored(), stored(connection={"credentials": {"other": "x"}})):
        assert problems(lambda: stored(before, connection=written)) == [  # noqa: B023
            ((*AT, "connection", "credentials", "token"), "nothing_to_keep")
        ]


def test_stored_credentials_are_not_kept_for_another_host() -> None:
    written = {"api_base_url": "https://evil.example.com", "credentials": {"token": "redacted"}}
    assert problems(lambda: stored(stored(**FULL), connection=written)) == [
        ((*AT, "connection", "credentials", "token"), "nothing_to_keep")
    ]


# Round trips

TEXT = st.text(min_size=1, max_size=8)
CONFIGS = st.fixed_dictionaries(
    {"adapter_type": st.sampled_from(["mux", "iconik", "generic_webhook", "supabase"])},
    optional={
        "enabled": st.booleans(),
        "connection_id": st.none() | st.just("conn_x"),
        "connection": st.none()
        | st.fixed_dictionaries({}, optional={"credentials": st.none() | st.dictionaries(TEXT, TEXT | st.integers())}),
        "event_filter": st.none() | st.fixed_dictionaries({"event_types": st.lists(TEXT)}),
        "field_mapping": st.none() | st.dictionaries(TEXT, st.sampled_from(["title", "clip"])),
        "batching": st.none() | st.fixed_dictionaries({}, optional={"mode": st.just("count")}),
        "dedup_key": st.none() | TEXT,
        "webhook_secret": st.none() | st.text(min_size=MIN_SECRET_CHARS, max_size=20),
    },
)


@given(CONFIGS)
def test_writing_the_returned_adapter_back_changes_nothing(given_: dict[str, Any]) -> None:
    first = stored(**given_)
    again = config(**shown_adapter(first))
    check_adapter(again, SCHEMA)
    assert not sets_secret(again)
    assert stored_adapter(again, first, new_secret=lambda: pytest.fail("kept"), webhook_url=URL) == first


@given(CONFIGS)
def test_a_stored_adapter_is_json_and_a_valid_configuration(given_: dict[str, Any]) -> None:
    document = stored(**given_)
    check_adapter(SourceAdapterConfig.model_validate(json.loads(json.dumps(document))), SCHEMA)
