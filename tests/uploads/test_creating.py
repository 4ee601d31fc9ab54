"""Everything about a file that can be checked without it is checked before its URL is signed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.aws.clients import s3_client
from chalicelib.blobs.service import Blobs
from chalicelib.blobs.store import BlobStore
from chalicelib.core.clock import system_clock
from chalicelib.core.ids import Ids
from chalicelib.settings import Settings
from chalicelib.uploads.staging import MAX_URL_CHARS, UrlTooLong, short_name, sign, upload_id_of
from tests.uploads.scenes import DECLARED, PNG, UPLOADS, Scene, sha256

GIB = 1024**3
FORM = "application/x-www-form-urlencoded; charset=utf-8"
# By name: the change of the request, and the location and the type of the problem.
INVALID: dict[str, tuple[dict[str, Any], str, str]] = {
    "no filename": ({"filename": ""}, "filename", "string_too_short"),
    "a long filename": ({"filename": "a" * 256}, "filename", "string_too_long"),
    "a parent folder": ({"filename": "../a.png"}, "filename", "filename_invalid"),
    "a backslash": ({"filename": "a\\b.png"}, "filename", "filename_invalid"),
    "a line break": ({"filename": "a\n.png"}, "filename", "value_error"),
    "no MIME type": ({"content_type": "png"}, "content_type", "mime_type_invalid"),
    "a header": ({"content_type": "image/png\r\nX: y"}, "content_type", "mime_type_invalid"),
    "a form": (
        {"content_type": "application/x-www-form-urlencoded; charset=utf-8"},
        "content_type",
        "mime_type_invalid",
    ),
    "another type": ({"content_type": "video/mp4"}, "content_type", "content_type_mismatch"),
    "no bytes": ({"file_size_bytes": 0}, "file_size_bytes", "greater_than_equal"),
    "more than 5 GiB": ({"file_size_bytes": 5 * GIB + 1}, "file_size_bytes", "less_than_equal"),
    "a short lifetime": ({"presigned_url_expiration": 59}, "presigned_url_expiration", "greater_than_equal"),
    "a long lifetime": ({"presigned_url_expiration": 86401}, "presigned_url_expiration", "less_than_equal"),
    "an unknown field": ({"blob_property": "poster"}, "blob_property", "unknown_property"),
    "a field of another kind": ({"blob_property": "title"}, "blob_property", "not_a_file_property"),
    "a malformed field": ({"blob_property": "a-b"}, "blob_property", "string_pattern_mismatch"),
    "no field": ({"blob_property": None, "filename": "a b.png"}, "blob_property", "missing"),
    "a field type": ({"blob_type": "VIDEO"}, "blob_type", "type_mismatch"),
    "an upper-case hash": ({"file_hash": "A" * 64}, "file_hash", "string_pattern_mismatch"),
    "a wrong value": ({"object_metadata": {"year": "1927"}}, "object_metadata.year", "integer_type"),
    "a reserved name": ({"object_metadata": {"object_id": "x"}}, "object_metadata.object_id", "reserved_name"),
    "a file as a value": ({"object_metadata": {"photo": "x"}}, "object_metadata.photo", "file_field"),
    "an unknown key": ({"file_name": "a"}, "file_name", "extra_forbidden"),
    "too much metadata": ({"metadata": {"a": "x" * 250_000}}, "", "upload_too_large"),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_declaration_is_refused(scene: Scene, case: str) -> None:
    change, location, type_ = INVALID[case]
    refused = scene.api.post(UPLOADS, {**DECLARED, **change})
    assert refused.status == 422, refused.text
    problem = refused.json["detail"][0]
    assert (".".join(problem["loc"][1:]), problem["type"]) == (location, type_), problem
    assert scene.api.post(f"{UPLOADS}/list").json["results"] == []


def test_5_gib_may_be_declared(scene: Scene) -> None:
    assert scene.create(file_size_bytes=5 * GIB)["file_size_bytes"] == 5 * GIB


def test_type_and_declared_length_are_signed(scene: Scene) -> None:
    def signed(**more: Any) -> list[str]:
        query = parse_qs(urlsplit(scene.create(**more)["presigned_url"]).query)
        assert query["X-Amz-Expires"] == ["60"]
        return str(query["X-Amz-SignedHeaders"][0]).split(";")

    assert signed(presigned_url_expiration=60) == ["content-type", "host"]
    assert signed(presigned_url_expiration=60, file_size_bytes=9) == ["content-length", "content-type", "host"]


@pytest.mark.parametrize("filename", ["x" * 251 + ".mp4", "ü" * 255, "a b" * 85])
@pytest.mark.parametrize("token", ["", (30 * "A" + "/") * 49, "A" * 1600])
def test_a_url_is_never_too_long(monkeypatch: pytest.MonkeyPatch, filename: str, token: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA" + "A" * 16)
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    client = s3_client(Settings())
    files = Blobs(BlobStore(lambda: client, "b" * 63), Ids(system_clock))
    signed = sign(files, "upl_" + "0" * 16, filename, "video/mp4", 5 * GIB, 86400)
    assert len(signed.url) <= MAX_URL_CHARS
    assert upload_id_of(signed.key) == "upl_" + "0" * 16


def test_a_token_that_leaves_no_room_for_a_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "A" * 2000)
    client = s3_client(Settings())
    with pytest.raises(UrlTooLong):
        sign(Blobs(BlobStore(lambda: client, "b"), Ids(system_clock)), "upl_1", "a", "video/mp4", None, 60)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.png", "a.png"),
        ("reels/a b.png", "a_b.png"),
        ("日本.mp4", "_.mp4"),
        ("...", "file"),
        (".env", "env"),
        ("x" * 100 + ".tar.gz", "x" * 61 + ".gz"),
        ("a." + "x" * 100, "a." + "x" * 62),
    ],
)
def test_the_key_has_a_short_name_without_escapes(filename: str, expected: str) -> None:
    assert short_name(filename, 64) == expected


def test_the_only_file_field_is_the_default(empty_scene: Scene) -> None:
    empty_scene.new_bucket(bucket_schema={"properties": {"film": {"type": "video"}}})
    made = empty_scene.create(filename="a.mp4", content_type="video/mp4", blob_property=None)
    assert (made["blob_property"], made["blob_type"]) == ("film", "video")


def test_with_several_file_fields_the_filename_is_the_default(scene: Scene) -> None:
    assert scene.create(filename="photo.png", blob_property=None)["blob_property"] == "photo"


def test_several_uploads_are_created_together(scene: Scene) -> None:
    entries = [{**DECLARED, "metadata": {"take": 1}}, {**DECLARED, "object_metadata": {"title": "M"}}]
    body = {
        "uploads": entries,
        "shared_metadata": {"take": 2, "reel": 3},
        "shared_object_metadata": {"title": "Fury", "year": 1936},
    }
    made = scene.api.post(f"{UPLOADS}/batch", body)
    assert (made.status, made.json["total"]) == (200, 2)
    first, second = made.json["uploads"]
    assert (first["metadata"], second["metadata"]) == ({"take": 1, "reel": 3}, {"take": 2, "reel": 3})
    assert first["object_metadata"] == {"title": "Metropolis", "year": 1936}
    assert second["object_metadata"] == {"title": "M", "year": 1936}
    for upload in (first, second):
        scene.put(upload, PNG + upload["upload_id"].encode())
    assert scene.arrive(first, second)
    assert {each["title"] for each in scene.objects()} == {"Metropolis", "M"}


def test_100_uploads_are_created_together(scene: Scene) -> None:
    made = scene.api.post(f"{UPLOADS}/batch", {"uploads": [DECLARED] * 100}).json
    assert len({each["upload_id"] for each in made["uploads"]}) == made["total"] == 100
    assert scene.api.post(f"{UPLOADS}/list").json["stats"]["total_uploads"] == 100


def test_one_invalid_upload_of_several_refuses_all(scene: Scene) -> None:
    refused = scene.api.post(f"{UPLOADS}/batch", {"uploads": [DECLARED, {**DECLARED, "blob_property": "x"}]})
    assert (refused.status, refused.json["detail"][0]["loc"]) == (422, ["body", "uploads", 1, "blob_property"])
    assert scene.api.post(f"{UPLOADS}/list").json["results"] == []


def test_a_known_content_needs_no_upload(scene: Scene) -> None:
    first = scene.create()
    scene.put(first)
    scene.arrive(first)
    made = scene.create(file_hash=sha256(PNG))
    assert (made["is_duplicate"], made["presigned_url"], made["status"]) == (True, None, "COMPLETED")
    assert (made["upload_id"], made["duplicate_of_upload_id"]) == (first["upload_id"], first["upload_id"])
    assert first["upload_id"] in made["message"]
    assert scene.create(file_hash=sha256(PNG), skip_duplicates=False)["presigned_url"]
    scene.api.call("DELETE", f"/v1/buckets/films/objects/{made['object_id']}")
    assert scene.create(file_hash=sha256(PNG))["presigned_url"]


def test_the_same_content_is_found_when_it_has_been_stored(scene: Scene) -> None:
    first, second = scene.create(), scene.create()
    for upload in (first, second):
        scene.put(upload)
        assert scene.arrive(upload)
    stored = scene.check_object()
    done = scene.get(second)
    assert (done["status"], done["is_duplicate"], done["duplicate_of_upload_id"], done["object_id"]) == (
        "COMPLETED",
        True,
        first["upload_id"],
        stored["object_id"],
    )


def test_the_same_content_makes_another_object_on_request(scene: Scene) -> None:
    for _ in range(2):
        upload = scene.create(skip_duplicates=False)
        scene.put(upload)
        assert scene.confirm(upload).json["status"] == "COMPLETED"
    assert len(scene.objects()) == 2
    scene.check_files()


def test_no_upload_is_created_in_a_missing_or_deleted_bucket(scene: Scene) -> None:
    assert scene.api.post("/v1/buckets/none/uploads", DECLARED).status == 404
    bucket = scene.api.get("/v1/buckets/films").json["bucket_id"]
    scene.api.call("DELETE", f"/v1/buckets/{bucket}")
    assert scene.api.post(f"/v1/buckets/{bucket}/uploads", DECLARED).status == 409
