"""The values that fit each type of a schema field, and values that do not."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.schemas.models import BucketSchemaFieldType
from chalicelib.schemas.values import FILE_TYPES, problems_in

TYPES = [member.value for member in BucketSchemaFieldType]
ARABIC_DIGITS = "2023-01-0\u0661"
FIT: dict[str, list[Any]] = {
    "string": ["", "x", "\u0000"],
    "number": [0, -1.5, 10**30],
    "float": [0, -1.5],
    "integer": [0, -7, 10**37],
    "boolean": [True, False],
    "object": [{}, {"a": [None]}],
    "array": [[], [1, None, {}]],
    "date": ["2024-02-29", "0001-01-01"],
    "datetime": [
        "2023-11-07T05:31:56Z",
        "2023-11-07T05:31:56.123456789Z",
        "2023-11-07 05:31:56+02:00",
        "2023-11-07T05:31",
        "2023-11-07T05:31:56",
    ],
    **{type_: ["https://example.com/x", "some text", {"base64": "aGk="}] for type_ in FILE_TYPES},
}
UNFIT: dict[str, list[Any]] = {
    "string": [None, 1, True, [], {}],
    "number": [None, "1", True, []],
    "float": [None, "1.0", False],
    "integer": [None, "1", True, 1.5, 1.0],
    "boolean": [None, 0, 1, "true"],
    "object": [None, [], "x"],
    "array": [None, {}, "x"],
    "date": [
        None,
        "",
        "2023-02-29",
        "20230101",
        "2023-W01-1",
        "2023-1-1",
        "2024-01-01T00:00:00Z",
        ARABIC_DIGITS,
        20230101,
    ],
    "datetime": [
        None,
        "",
        "2024-01-01",
        "2024-01-01T25:00:00Z",
        "2024-13-01T00:00:00Z",
        "20240101T000000Z",
        "2024-01-01T00:00:00Zx",
        1700000000,
    ],
    **{type_: [None, 1, True, []] for type_ in FILE_TYPES},
}


def test_every_type_is_tested() -> None:
    assert sorted(FIT) == sorted(UNFIT) == sorted(TYPES)


@pytest.mark.parametrize("type_", TYPES)
def test_fitting_values_pass_and_others_are_reported(type_: str) -> None:
    field = {"type": type_}
    for value in FIT[type_]:
        assert list(problems_in(value, field, ("body", "a"))) == [], value
    for value in UNFIT[type_]:
        problems = list(problems_in(value, field, ("body", "a")))
        assert [(p.location, p.type) for p in problems] == [(("body", "a"), f"{type_}_type")], value
