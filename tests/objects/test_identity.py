from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import RequestInvalid
from chalicelib.objects.identity import (
    content_hash,
    id_of_content,
    id_of_idempotency_key,
    id_of_unique_key,
    read_unique_key,
)

SCALARS = st.text(min_size=1, max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.dictionaries(st.sampled_from(["a", "b", "c"]), SCALARS, min_size=1)


def test_one_and_one_point_zero_identify_the_same_object() -> None:
    assert id_of_unique_key("bkt_1", {"a": 1}) == id_of_unique_key("bkt_1", {"a": 1.0})
    assert id_of_unique_key("bkt_1", {"a": 0}) == id_of_unique_key("bkt_1", {"a": -0.0})


def test_texts_are_compared_exactly() -> None:
    different = ["é", "e\u0301", "E", "e", "e ", "1"]
    assert len({id_of_unique_key("bkt_1", {"a": value}) for value in [*different, 1]}) == 7


@given(KEYS)
def test_the_order_of_fields_does_not_matter(key: dict[str, Any]) -> None:
    assert id_of_unique_key("bkt_1", key) == id_of_unique_key("bkt_1", dict(reversed(key.items())))


@given(KEYS, KEYS)
def test_other_values_identify_another_object(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (id_of_unique_key("bkt_1", one) == id_of_unique_key("bkt_1", other)) == (one == other)


@given(KEYS)
def test_ids_differ_between_buckets(key: dict[str, Any]) -> None:
    assert id_of_unique_key("bkt_1", key) != id_of_unique_key("bkt_2", key)


def test_ids_differ_between_unique_key_idempotency_key_and_content() -> None:
    ids = {
        id_of_unique_key("bkt_1", {"a": "k"}),
        id_of_idempotency_key("bkt_1", "k"),
        id_of_content("bkt_1", "k", 0),
        id_of_content("bkt_1", "k", 1),
    }
    assert len(ids) == 4
    assert all(id_.startswith("obj_") and len(id_) == 30 for id_ in ids)


CONTENTS = st.lists(st.tuples(st.sampled_from(["poster", "still"]), st.sampled_from(["aa", "bb"])), min_size=1)


@given(CONTENTS, st.randoms())
def test_content_is_a_multiset_of_files(contents: list[tuple[str, str]], random: Any) -> None:
    shuffled = list(contents)
    random.shuffle(shuffled)
    assert content_hash(contents) == content_hash(shuffled)
    assert content_hash(contents) != content_hash([*contents, contents[0]])


def test_partly_unknown_content_has_no_hash() -> None:
    assert content_hash([]) is None
    assert content_hash([("poster", "aa"), ("still", None)]) is None


SCHEMA = {
    "properties": {
        "id": {"type": "string"},
        "take": {"type": "integer"},
        "size": {"type": "float"},
        "day": {"type": "date"},
    }
}


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ({}, "missing"),
        ({"id": None}, "missing"),
        ({"id": ""}, "string_too_short"),
        ({"id": "x" * 256}, "string_too_long"),
        ({"id": 5}, "string_type"),
        ({"metadata": {"id": True}}, "string_type"),
        ({"metadata": "text"}, "missing"),
    ],
)
def test_an_invalid_key_value_is_rejected(values: dict[str, Any], type_: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        read_unique_key(["id"], values, SCHEMA)
    assert [(problem.location, problem.type) for problem in raised.value.problems] == [(("body", "id"), type_)]


def test_a_key_is_read_from_the_root_or_else_from_metadata() -> None:
    values = {"take": 3, "metadata": {"take": 4, "id": "m", "day": "1927-01-10"}}
    assert read_unique_key(["id", "take", "day"], values, SCHEMA) == {"id": "m", "take": 3, "day": "1927-01-10"}


def test_a_key_of_255_characters_is_accepted() -> None:
    assert read_unique_key(["id"], {"id": "x" * 255}, SCHEMA) == {"id": "x" * 255}
