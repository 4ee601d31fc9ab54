"""Malicious names and paths are rejected, or stored as distinct names and found."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote

import pytest

from tests.http.envelopes import assert_envelope, header
from tests.support.api import Api
from tests.support.world import bucket_body

NAMES = {
    "right to left": "תמונות صور",
    "direction override": "a\u202egpj.exe",
    "combining": "Z\u0351\u036b\u0343\u036a\u0302a\u0315\u0321",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flag": "\U0001f1e9\U0001f1ea",
    "upper": "STRASSE",
    "sharp s": "straße",
    "dotted i": "İstanbul",
    "zero width": "a\u200bb",
    "no-break space": "a\u00a0b",
    "astral": "\U0010fffd" * 100,
    "100 characters": "x" * 100,
    "surrounded": "  surrounded  ",
    "slash": "a/b/../c",
    "dots": "..",
    "percent": "100%25",
    "encoded slash": "a%2Fb",
    "plus": "a+b c",
    "question": "what?now#then&there=1;2",
    "quotes": "'\"\\`${}{{}}",
    "hash": "BKT#x#TALLY",
    "star": "*",
    "like another id": "obj_0123456789abcdef",
    "almost an id": "bkt_0123456789abcde",
    "id in capitals": "BKT_0123456789ABCDEF",
    "list": "lists",
    "html": "<img src=x onerror=alert(1)>",
    "none": "null",
    "number": "0",
}


def test_unusual_names_are_distinct_and_found(api: Api) -> None:
    ids = {}
    for name in NAMES.values():
        made = api.post("/v1/buckets", bucket_body(name))
        assert made.status == 200, made.text
        assert made.json["bucket_name"] == name
        ids[name] = made.json["bucket_id"]
    assert len(set(ids.values())) == len(NAMES)
    for name, id_ in ids.items():
        assert api.get(f"/v1/buckets/{quote(name, safe='')}").json["bucket_id"] == id_
        assert api.get(f"/v1/buckets/{id_}").json["bucket_name"] == name
        taken = api.post("/v1/buckets", bucket_body(name))
        assert assert_envelope(taken, 409, "AlreadyExistsError")["details"]["bucket_id"] == id_
    listed = api.get("/v1/buckets?limit=1000").json["results"]
    assert {row["bucket_name"]: row["bucket_id"] for row in listed} == ids
    for sort in ("bucket_name", "created_at"):
        sorted_ = api.post("/v1/buckets/list", {"limit": 1000, "sort": {"field": sort, "direction": "desc"}}).json
        assert sorted(row["bucket_id"] for row in sorted_["results"]) == sorted(ids.values())


def test_two_unicode_forms_of_a_letter_are_two_names(api: Api) -> None:
    composed, decomposed = NAMES["composed"], NAMES["decomposed"]
    assert unicodedata.normalize("NFC", decomposed) == composed
    first = api.post("/v1/buckets", bucket_body(composed)).json["bucket_id"]
    assert api.get(f"/v1/buckets/{quote(decomposed)}").status == 404
    second = api.post("/v1/buckets", bucket_body(decomposed)).json["bucket_id"]
    assert first != second


INVALID_NAMES = {
    "empty": "",
    "blank": " \t ",
    "no-break blank": "\u00a0\u2003",
    "101 characters": "x" * 101,
    "101 astral characters": "\U0010fffd" * 101,
    "NUL": "a\x00b",
    "line break": "a\nb",
    "escape": "\x1b[31mred",
    "delete": "a\x7f",
    "C1 control": "a\x85b",
    "an id": "bkt_0123456789abcdef",
    "a number": 3,
    "a list": ["a"],
    "nothing": None,
}


@pytest.mark.parametrize("name", INVALID_NAMES)
def test_an_invalid_bucket_name_is_rejected(posters: Api, name: str) -> None:
    problem = assert_envelope(posters.post("/v1/buckets", bucket_body(INVALID_NAMES[name])), 422)  # type: ignore[arg-type]
    assert problem["details"]["validation_errors"][0]["location"] == ["body", "bucket_name"]
    if INVALID_NAMES[name] is not None:
        assert_envelope(posters.patch("/v1/buckets/posters", {"bucket_name": INVALID_NAMES[name]}), 422)
    assert posters.get("/v1/buckets").json["total_count"] == 1


@pytest.mark.parametrize(
    "name", ["צילומים", "cafe\u0301", "caf\u00e9", "a/b c", "\U0001f468\u200d\U0001f469", "x" * 64, "..."]
)
def test_a_namespace_with_an_unusual_name_is_found(api: Api, name: str) -> None:
    made = api.post("/v1/namespaces", {"namespace_name": name})
    assert made.status == 200, made.text
    assert api.get(f"/v1/namespaces/{quote(name, safe='')}").json["namespace_id"] == made.json["namespace_id"]
    assert api.using(namespace=name).get("/v1/buckets").status == 200
    assert api.using(namespace=made.json["namespace_id"]).get("/v1/buckets").status == 200


@pytest.mark.parametrize("name", ["ab", "x" * 65, "a\x00b", "   ", "a\nb", 3, None])
def test_an_invalid_namespace_name_is_rejected(api: Api, name: Any) -> None:
    assert_envelope(api.post("/v1/namespaces", {"namespace_name": name}), 422)


@pytest.mark.parametrize("id_", ["", "a b", "a/b", "a#b", "a.b", "é", "-a", "x" * 129, "a\n", "\x00"])
def test_a_chosen_id_with_other_characters_is_rejected(api: Api, id_: str) -> None:
    assert_envelope(api.post("/v1/namespaces", {"namespace_name": "chosen", "namespace_id": id_}), 422)


@pytest.mark.parametrize(
    "path",
    [
        "%00",
        "%",
        "%zz",
        "%E9",
        "%ED%A0%80",
        "%F0%9F",
        "%2e%2e",
        "%2F%2F",
        "a%00b",
        "%0d%0aX-Evil:%201",
        "a" * 5_000,
        "%F0%9F%98%80" * 1_000,
        "bkt_",
        "bkt_0123456789abcdef",
        "BKT%23a",
        "%23TALLY",
        "*",
        "%25",
        "'%20or%201=1",
        "~!@$&()_=,.",
    ],
)
def test_an_unusual_path_is_not_found(api: Api, path: str) -> None:
    for collection in ("buckets", "namespaces"):
        for method, body in (("GET", None), ("PATCH", {"description": "a"})):
            reply = api.call(method, f"/v1/{collection}/{path}", body)
            assert_envelope(reply, 404, "NotFoundError")
            assert header(reply, "X-Evil") is None
