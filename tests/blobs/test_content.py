"""What a client may send for a file, and what becomes of it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.blobs.content import MAX_CONTENT_BYTES, MAX_ROW_TEXT_BYTES, NewBlob
from chalicelib.blobs.errors import UrlInvalid
from chalicelib.blobs.inputs import MAX_URL_CHARS
from chalicelib.blobs.models import CreateBlobRequest
from chalicelib.core.errors import NotEnabled, RequestInvalid
from chalicelib.http.parsing import problems_of
from chalicelib.schemas.values import FILE_TYPES
from tests.support.blobs import LOCATION, PNG, encoded, read, rejection


def outcome(type_: str, data: Any) -> NewBlob | RequestInvalid:
    """What becomes of some data."""
    try:
        return read(type_, data)
    except RequestInvalid as refusal:
        return refusal


# Forms


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a%20poster.png",
        "http://example.com/a%20poster.png?size=large#top",
        "HTTPS://EXAMPLE.COM:8443/a%20poster.png",
        "s3://films/2026/a poster.png".replace(" ", "%20"),
    ],
)
@pytest.mark.parametrize("form", [str, lambda url: {"url": url}])
@pytest.mark.parametrize("type_", ["image", "text"])
def test_a_url_is_kept_by_reference_as_it_was_given(url: str, form: Any, type_: str) -> None:
    new = read(type_, form(url))
    assert (new.url, new.content, new.size_bytes, new.sha256, new.hash) == (url, None, None, None, None)
    assert new.filename in ("a poster.png", "a%20poster.png")


def test_a_data_uri_carries_its_type_and_bytes() -> None:
    new = read("image", "data:IMAGE/PNG;name=x;base64," + encoded(PNG))
    assert (new.content, new.mime_type, new.size_bytes) == (PNG, "image/png", len(PNG))


def test_a_base64_object_carries_a_name_too() -> None:
    new = read("image", {"base64": encoded(PNG), "filename": "scans/Größe 1.png", "mime_type": "image/png"})
    assert (new.content, new.filename) == (PNG, "scans/Größe 1.png")
    assert new.hash == "sha256:" + hashlib.sha256(PNG).hexdigest() == f"sha256:{new.sha256}"


def test_a_base64_object_may_leave_name_and_type_null() -> None:
    new = read("image", {"base64": encoded(PNG), "filename": None, "mime_type": None})
    assert (new.filename, new.mime_type) == (None, "image/png")


def test_base64_may_be_broken_into_lines() -> None:
    assert read("image", {"base64": base64.encodebytes(PNG).decode()}).content == PNG


@pytest.mark.parametrize("form", [str, lambda text: {"text": text}])
def test_a_text_is_content_in_utf8(form: Any) -> None:
    new = read("text", form("Größe: 5 €"))
    assert (new.content, new.text, new.mime_type) == ("Größe: 5 €".encode(), "Größe: 5 €", "text/plain")


@pytest.mark.parametrize(
    "text", ["", "GIF", "BMW is a car", "ID3 tags", "%PDF", "data: see below", "ftp://x", "mailto:x"]
)
def test_any_other_string_is_a_text_whatever_it_starts_with(text: str) -> None:
    new = read("text", text)
    assert (new.text, new.content, new.mime_type) == (text, text.encode(), "text/plain")


def test_a_text_that_came_in_base64_is_shown_as_text_too() -> None:
    new = read("text", {"base64": encoded(b"BM: a # title"), "mime_type": "text/markdown"})
    assert (new.text, new.mime_type) == ("BM: a # title", "text/markdown")


def test_only_short_texts_stand_in_the_row() -> None:
    assert read("text", "ä" * (MAX_ROW_TEXT_BYTES // 2)).text is not None
    assert read("text", "ä" * (MAX_ROW_TEXT_BYTES // 2) + "!").text is None
    assert read("image", {"base64": encoded(b"<svg/>"), "mime_type": "image/svg+xml"}).text is None


@pytest.mark.parametrize("text", ["hello world, this is base64", "Größe in Metern", "line\nline\nline\n"])
def test_base64_of_a_text_is_refused_where_a_text_is_expected(text: str) -> None:
    naked = encoded(text.encode())
    assert rejection("text", naked)[0] == ("data",)
    assert read("text", {"text": naked}).text == naked
    assert read("text", {"base64": naked}).text == text


@pytest.mark.parametrize("text", ["Tuesdays", "data", "abcd1234", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca4"])
def test_words_that_could_be_base64_are_texts(text: str) -> None:
    assert read("text", text).text == text


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=12))
def test_base64_of_any_longer_text_is_noticed(text: str) -> None:
    with pytest.raises(RequestInvalid):
        read("text", encoded(text.encode()))


@given(st.text(max_size=300), st.sampled_from(["", "text", "url", "base64"]))
def test_a_text_is_kept_to_the_letter_or_refused_with_its_place(text: str, form: str) -> None:
    new = outcome("text", {form: text} if form else text)
    if isinstance(new, RequestInvalid):
        assert all(problem.location[:4] == (*LOCATION, "data") for problem in new.problems)
    elif form == "text" or (not form and new.url is None and not text.lower().startswith("data:")):
        assert (new.content, new.text) == (text.encode(), text)


@given(st.binary(max_size=300), st.sampled_from(sorted(FILE_TYPES)))
def test_bytes_come_through_or_are_refused_with_their_place(content: bytes, type_: str) -> None:
    new = outcome(type_, {"base64": encoded(content)})
    if isinstance(new, RequestInvalid):
        assert all(problem.location[:4] == (*LOCATION, "data") for problem in new.problems)
    else:
        assert (new.content, new.sha256) == (content, hashlib.sha256(content).hexdigest())


# What is no form


@pytest.mark.parametrize(
    "data", [0, 1.5, True, False, [], ["text"], {}, {"bytes": "x"}, {"url": "s3://b/k", "text": "x"}]
)
@pytest.mark.parametrize("type_", ["image", "text"])
def test_other_values_are_refused(type_: str, data: Any) -> None:
    assert rejection(type_, data)[0][0] == "data"


@pytest.mark.parametrize(
    "data", ["a picture", encoded(PNG), "data:image/png,notbase64", {"text": "x"}, "C:\\poster.png"]
)
def test_only_a_text_is_a_bare_string(data: Any) -> None:
    place, why = rejection("image", data)
    assert place == ("data",)
    assert "base64" in why


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"base64": 5}, "base64"),
        ({"base64": encoded(PNG), "mime_type": 5}, "mime_type"),
        ({"base64": encoded(PNG), "filename": ["a"]}, "filename"),
        ({"url": None}, "url"),
        ({"url": "https://example.com/", "filename": "x"}, "filename"),
        ({"base64": encoded(PNG), "checksum": "x"}, "checksum"),
    ],
)
def test_members_are_refused_by_name(data: Any, place: str) -> None:
    assert rejection("image", data)[0] == ("data", place)


@pytest.mark.parametrize("payload", ["a", "ab", "abc", "a===", "ab=c", "äöü=", "ab!d", "ab d", "=" * 4, "YQ==YQ=="])
def test_broken_base64_is_refused(payload: str) -> None:
    assert rejection("image", {"base64": payload})[0] == ("data", "base64")
    assert rejection("image", "data:image/png;base64," + payload)[0] == ("data",)


def test_a_file_has_bytes_and_a_text_may_be_empty() -> None:
    assert rejection("image", {"base64": ""})[0] == ("data", "base64")
    assert rejection("pdf", "data:application/pdf;base64,")[0] == ("data",)
    assert read("text", {"base64": ""}).content == b""


@pytest.mark.parametrize("mime_type", ["png", "image/", "image/png/x", "image png", "ä/b", "text/\n"])
def test_a_mime_type_has_its_form(mime_type: str) -> None:
    assert rejection("image", {"base64": encoded(PNG), "mime_type": mime_type})[0] == ("data", "mime_type")


@pytest.mark.parametrize("name", ["x" * 256, "../x", "a/../b", "..", "a\\b", "a\nb", "a\x00b", " ", "a/.."])
def test_a_filename_is_a_name(name: str) -> None:
    assert rejection("image", {"base64": encoded(PNG), "filename": name})[0] == ("data", "filename")


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE://x",
        "https://",
        "http:///path",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/a b",
        "https://example.com/a\nb",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "s3://Bad_Bucket/key",
        "s3://bucket/" + "k" * 1025,
        "https://example.com/" + "x" * (MAX_URL_CHARS - 19),
    ],
)
@pytest.mark.parametrize("type_", ["video", "text"])
def test_what_nobody_could_fetch_is_a_bad_url(type_: str, url: str) -> None:
    with pytest.raises(UrlInvalid) as refusal:
        read(type_, url)
    assert refusal.value.problems[0].location == (*LOCATION, "data")
    assert rejection(type_, {"url": url})[0] == ("data", "url")


def test_a_url_object_holds_a_url() -> None:
    assert rejection("text", {"url": "just words"})[0] == ("data", "url")


def test_the_longest_urls() -> None:
    longest = "https://example.com/" + "x" * (MAX_URL_CHARS - 20)
    assert read("image", longest).url == longest
    far_longer = "s3://bucket/" + "k" * 1024
    assert read("image", far_longer).url == far_longer


# Sizes


def test_content_is_five_megabytes_at_most() -> None:
    most = bytes(MAX_CONTENT_BYTES)
    assert read("video", {"base64": encoded(most)}).size_bytes == MAX_CONTENT_BYTES
    assert rejection("video", {"base64": encoded(most + b"!")})[0] == ("data", "base64")
    assert rejection("video", "data:video/mp4;base64," + encoded(bytes(2 * MAX_CONTENT_BYTES)))[0] == ("data",)


def test_a_text_is_measured_in_bytes() -> None:
    assert read("text", "ä" * (MAX_CONTENT_BYTES // 2)).size_bytes == MAX_CONTENT_BYTES
    assert rejection("text", "ä" * (MAX_CONTENT_BYTES // 2) + "!")[0] == ("data",)
    assert rejection("text", {"text": "ä" * MAX_CONTENT_BYTES})[0] == ("data", "text")


# Property, type, source


def test_the_property_is_a_file_field_of_the_schema() -> None:
    assert rejection("image", "https://example.com/x", property="nothing")[0] == ("property",)
    assert rejection("string", "x", property="title")[0] == ("property",)


def test_the_type_is_that_of_the_field_in_any_letter_case() -> None:
    place, why = rejection("image", "https://example.com/x", type="video")
    assert place == ("type",)
    assert "image" in why
    assert "video" in why
    assert read("image", "https://example.com/x", type="IMAGE").type == "image"


def test_exactly_one_source_is_named() -> None:
    assert rejection("image")[0] == ("data",)
    assert rejection("image", "https://example.com/x", upload_id="upl_1")[0] == ()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"upload_id": "upl_1"}, "body.blobs.0.upload_id"),
        ({"data": "https://example.com/x", "force_remirror": True}, "body.blobs.0.force_remirror"),
    ],
)
def test_what_is_not_enabled_is_refused_by_name(more: dict[str, Any], field: str) -> None:
    with pytest.raises(NotEnabled) as refusal:
        read("image", **more)
    assert refusal.value.details == {"field": field}


def test_what_comes_beside_the_content_is_carried_along() -> None:
    new = read("text", "x", key_prefix="/a/b", metadata={"year": 1927}, canonicalize_source=True, force_remirror=False)
    assert (new.key_prefix, new.metadata) == ("/a/b", {"year": 1927})


def test_the_model_refuses_what_it_always_refused() -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError) as error:
        CreateBlobRequest.model_validate({"property": "", "type": "json", "upload_id": "x"})
    assert {problem.location[-1] for problem in problems_of(error.value)} == {"property", "type", "upload_id"}


# Checksums


def test_a_checksum_in_hex_is_a_sha256() -> None:
    digest = hashlib.sha256(PNG).hexdigest()
    for given_ in (digest, digest.upper()):
        assert read("image", {"base64": encoded(PNG)}, checksum=given_).hash == f"sha256:{digest}"


@pytest.mark.parametrize("checksum", ["md5:d41d8cd98f00b204e9800998ecf8427e", "crc32c:AAAAAA==", "sha512:ab_c-"])
def test_other_checksums_are_kept_to_the_letter(checksum: str) -> None:
    new = read("image", {"base64": encoded(PNG)}, checksum=checksum)
    assert (new.hash, new.sha256) == (checksum, hashlib.sha256(PNG).hexdigest())
    by_reference = read("image", "https://example.com/x", checksum=checksum)
    assert (by_reference.hash, by_reference.sha256) == (checksum, None)


def test_a_checksum_of_something_unseen_is_believed_and_proves_nothing() -> None:
    new = read("image", "https://example.com/x", checksum="a" * 64)
    assert (new.hash, new.sha256) == ("sha256:" + "a" * 64, None)


@pytest.mark.parametrize("prefix", ["", "sha256:", "SHA256:", "sha-256:"])
def test_a_sha256_that_is_not_of_the_bytes_is_refused(prefix: str) -> None:
    place, why = rejection("image", {"base64": encoded(PNG)}, checksum=prefix + "a" * 64)
    assert place == ("checksum",)
    assert hashlib.sha256(PNG).hexdigest() in why


@pytest.mark.parametrize(
    "checksum",
    ["", "x", "a" * 63, "a" * 65, "g" * 64, "sha256:", "sha256:abc", ":abc", "md5:a b", "md5:ü", "a" * 64 + "\n"],
)
@pytest.mark.parametrize("data", ["https://example.com/x", {"base64": encoded(PNG)}])
def test_a_malformed_checksum_is_refused(checksum: str, data: Any) -> None:
    assert rejection("image", data, checksum=checksum)[0] == ("checksum",)
