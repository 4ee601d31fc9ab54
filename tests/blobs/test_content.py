"""Reading the files in requests: the forms of `data`, URLs, sizes, properties and checksums."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.blobs.content import MAX_ROW_TEXT_BYTES, NewBlob
from chalicelib.blobs.errors import UrlInvalid
from chalicelib.blobs.inputs import MAX_INLINE_CONTENT_BYTES, MAX_INLINE_TEXT_BYTES, MAX_URL_CHARS
from chalicelib.blobs.models import CreateBlobRequest
from chalicelib.core.errors import RequestInvalid
from chalicelib.http.parsing import problems_of
from chalicelib.schemas.values import FILE_TYPES
from tests.support.blobs import LOCATION, PNG_HEADER, encoded, read, rejection


def outcome(type_: str, data: Any) -> NewBlob | RequestInvalid:
    """The file that is read, or the error."""
    try:
        return read(type_, data)
    except RequestInvalid as error:
        return error


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
def test_a_url_is_kept_by_reference_unchanged(url: str, form: Any, type_: str) -> None:
    new = read(type_, form(url))
    assert (new.url, new.content, new.size_bytes, new.sha256, new.hash) == (url, None, None, None, None)
    assert new.filename in ("a poster.png", "a%20poster.png")


def test_a_data_uri_contains_the_type_and_the_content() -> None:
    new = read("image", "data:IMAGE/PNG;name=x;base64," + encoded(PNG_HEADER))
    assert (new.content, new.mime_type, new.size_bytes) == (PNG_HEADER, "image/png", len(PNG_HEADER))


def test_a_base64_object_may_contain_a_filename() -> None:
    new = read("image", {"base64": encoded(PNG_HEADER), "filename": "scans/Größe 1.png", "mime_type": "image/png"})
    assert (new.content, new.filename) == (PNG_HEADER, "scans/Größe 1.png")
    assert new.hash == "sha256:" + hashlib.sha256(PNG_HEADER).hexdigest() == f"sha256:{new.sha256}"


def test_the_filename_and_type_of_a_base64_object_may_be_null() -> None:
    new = read("image", {"base64": encoded(PNG_HEADER), "filename": None, "mime_type": None})
    assert (new.filename, new.mime_type) == (None, "image/png")


def test_base64_may_contain_line_breaks() -> None:
    assert read("image", {"base64": base64.encodebytes(PNG_HEADER).decode()}).content == PNG_HEADER


@pytest.mark.parametrize("form", [str, lambda text: {"text": text}])
def test_a_text_is_stored_in_utf_8(form: Any) -> None:
    new = read("text", form("Größe: 5 €"))
    assert (new.content, new.text, new.mime_type) == ("Größe: 5 €".encode(), "Größe: 5 €", "text/plain")


@pytest.mark.parametrize(
    "text", ["", "GIF", "BMW is a car", "ID3 tags", "%PDF", "data: see below", "ftp://x", "mailto:x"]
)
def test_any_other_string_is_a_text(text: str) -> None:
    new = read("text", text)
    assert (new.text, new.content, new.mime_type) == (text, text.encode(), "text/plain")


def test_a_text_sent_in_base64_is_returned_as_text() -> None:
    new = read("text", {"base64": encoded(b"BM: a # title"), "mime_type": "text/markdown"})
    assert (new.text, new.mime_type) == ("BM: a # title", "text/markdown")


def test_only_short_texts_are_stored_in_the_row() -> None:
    assert read("text", "ä" * (MAX_ROW_TEXT_BYTES // 2)).text is not None
    assert read("text", "ä" * (MAX_ROW_TEXT_BYTES // 2) + "!").text is None
    assert read("image", {"base64": encoded(b"<svg/>"), "mime_type": "image/svg+xml"}).text is None


@pytest.mark.parametrize("text", ["hello world, this is base64", "Größe in Metern", "line\nline\nline\n"])
def test_base64_of_a_text_is_rejected_as_a_plain_text(text: str) -> None:
    in_base64 = encoded(text.encode())
    assert rejection("text", in_base64)[0] == ("data",)
    assert read("text", {"text": in_base64}).text == in_base64
    assert read("text", {"base64": in_base64}).text == text


@pytest.mark.parametrize("text", ["Tuesdays", "data", "abcd1234", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca4"])
def test_short_texts_that_are_valid_base64_are_accepted(text: str) -> None:
    assert read("text", text).text == text


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=12))
def test_base64_of_any_longer_text_is_rejected(text: str) -> None:
    with pytest.raises(RequestInvalid):
        read("text", encoded(text.encode()))


@given(st.text(max_size=300), st.sampled_from(["", "text", "url", "base64"]))
def test_a_text_is_kept_exactly_or_rejected_with_its_location(text: str, form: str) -> None:
    new = outcome("text", {form: text} if form else text)
    if isinstance(new, RequestInvalid):
        assert all(problem.location[:4] == (*LOCATION, "data") for problem in new.problems)
    elif form == "text" or (not form and new.url is None and not text.lower().startswith("data:")):
        assert (new.content, new.text) == (text.encode(), text)


@given(st.binary(max_size=300), st.sampled_from(sorted(FILE_TYPES)))
def test_content_is_kept_exactly_or_rejected_with_its_location(content: bytes, type_: str) -> None:
    new = outcome(type_, {"base64": encoded(content)})
    if isinstance(new, RequestInvalid):
        assert all(problem.location[:4] == (*LOCATION, "data") for problem in new.problems)
    else:
        assert (new.content, new.sha256) == (content, hashlib.sha256(content).hexdigest())


# Invalid data


@pytest.mark.parametrize(
    "data", [0, 1.5, True, False, [], ["text"], {}, {"bytes": "x"}, {"url": "s3://b/k", "text": "x"}]
)
@pytest.mark.parametrize("type_", ["image", "text"])
def test_other_values_are_rejected(type_: str, data: Any) -> None:
    assert rejection(type_, data)[0][0] == "data"


@pytest.mark.parametrize(
    "data", ["a picture", encoded(PNG_HEADER), "data:image/png,notbase64", {"text": "x"}, "C:\\poster.png"]
)
def test_a_plain_string_is_rejected_unless_the_field_is_a_text(data: Any) -> None:
    location, message = rejection("image", data)
    assert location == ("data",)
    assert "base64" in message


@pytest.mark.parametrize(
    ("data", "member"),
    [
        ({"base64": 5}, "base64"),
        ({"base64": encoded(PNG_HEADER), "mime_type": 5}, "mime_type"),
        ({"base64": encoded(PNG_HEADER), "filename": ["a"]}, "filename"),
        ({"url": None}, "url"),
        ({"url": "https://example.com/", "filename": "x"}, "filename"),
        ({"base64": encoded(PNG_HEADER), "checksum": "x"}, "checksum"),
    ],
)
def test_an_invalid_member_is_rejected_with_its_name(data: Any, member: str) -> None:
    assert rejection("image", data)[0] == ("data", member)


@pytest.mark.parametrize("payload", ["a", "ab", "abc", "a===", "ab=c", "äöü=", "ab!d", "ab d", "=" * 4, "YQ==YQ=="])
def test_invalid_base64_is_rejected(payload: str) -> None:
    assert rejection("image", {"base64": payload})[0] == ("data", "base64")
    assert rejection("image", "data:image/png;base64," + payload)[0] == ("data",)


def test_only_a_text_may_be_empty() -> None:
    assert rejection("image", {"base64": ""})[0] == ("data", "base64")
    assert rejection("pdf", "data:application/pdf;base64,")[0] == ("data",)
    assert read("text", {"base64": ""}).content == b""


@pytest.mark.parametrize("mime_type", ["png", "image/", "image/png/x", "image png", "ä/b", "text/\n"])
def test_an_invalid_mime_type_is_rejected(mime_type: str) -> None:
    assert rejection("image", {"base64": encoded(PNG_HEADER), "mime_type": mime_type})[0] == ("data", "mime_type")


@pytest.mark.parametrize("name", ["x" * 256, "../x", "a/../b", "..", "a\\b", "a\nb", "a\x00b", " ", "a/.."])
def test_an_invalid_filename_is_rejected(name: str) -> None:
    assert rejection("image", {"base64": encoded(PNG_HEADER), "filename": name})[0] == ("data", "filename")


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
def test_an_invalid_url_is_rejected(type_: str, url: str) -> None:
    with pytest.raises(UrlInvalid) as raised:
        read(type_, url)
    assert raised.value.problems[0].location == (*LOCATION, "data")
    assert rejection(type_, {"url": url})[0] == ("data", "url")


def test_the_url_member_must_be_a_url() -> None:
    assert rejection("text", {"url": "just words"})[0] == ("data", "url")


def test_urls_of_the_maximum_length_are_accepted() -> None:
    longest = "https://example.com/" + "x" * (MAX_URL_CHARS - 20)
    assert read("image", longest).url == longest
    longest_s3_url = "s3://bucket/" + "k" * 1024
    assert read("image", longest_s3_url).url == longest_s3_url


# Sizes


def test_a_file_in_base64_has_a_size_limit() -> None:
    largest = bytes(MAX_INLINE_CONTENT_BYTES)
    assert read("video", {"base64": encoded(largest)}).size_bytes == MAX_INLINE_CONTENT_BYTES
    assert rejection("video", {"base64": encoded(largest + b"!")})[0] == ("data", "base64")
    assert rejection("video", "data:video/mp4;base64," + encoded(bytes(2 * MAX_INLINE_CONTENT_BYTES)))[0] == ("data",)


def test_the_size_limit_of_a_text_is_in_bytes() -> None:
    assert read("text", "ä" * (MAX_INLINE_TEXT_BYTES // 2)).size_bytes == MAX_INLINE_TEXT_BYTES
    assert rejection("text", "ä" * (MAX_INLINE_TEXT_BYTES // 2) + "!")[0] == ("data",)
    assert rejection("text", {"text": "ä" * MAX_INLINE_TEXT_BYTES})[0] == ("data", "text")


# Property, type, source


def test_the_property_must_be_a_file_field_of_the_schema() -> None:
    assert rejection("image", "https://example.com/x", property="nothing")[0] == ("property",)
    assert rejection("string", "x", property="title")[0] == ("property",)


def test_the_type_must_be_that_of_the_field_in_any_letter_case() -> None:
    location, message = rejection("image", "https://example.com/x", type="video")
    assert location == ("type",)
    assert "image" in message
    assert "video" in message
    assert read("image", "https://example.com/x", type="IMAGE").type == "image"


def test_exactly_one_source_is_required() -> None:
    assert rejection("image")[0] == ("data",)
    assert rejection("image", "https://example.com/x", upload_id="upl_1")[0] == ()


def test_the_key_prefix_and_the_metadata_are_kept() -> None:
    new = read("text", "x", key_prefix="/a/b", metadata={"year": 1927}, canonicalize_source=True, force_remirror=False)
    assert (new.key_prefix, new.metadata) == ("/a/b", {"year": 1927})


def test_the_model_rejects_invalid_members() -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError) as error:
        CreateBlobRequest.model_validate({"property": "", "type": "json", "upload_id": "x"})
    assert {problem.location[-1] for problem in problems_of(error.value)} == {"property", "type", "upload_id"}


def test_the_metadata_has_no_files() -> None:
    location, message = rejection("text", "x", metadata={"year": 1927, "image": "https://example.com/x.png"})
    assert location == ("metadata", "image")
    assert "blobs" in message
    assert read("text", "x", metadata={"image": None}).metadata == {"image": None}


# Checksums


def test_a_checksum_of_64_hex_digits_is_a_sha_256() -> None:
    digest = hashlib.sha256(PNG_HEADER).hexdigest()
    for given_ in (digest, digest.upper()):
        assert read("image", {"base64": encoded(PNG_HEADER)}, checksum=given_).hash == f"sha256:{digest}"


@pytest.mark.parametrize("checksum", ["md5:d41d8cd98f00b204e9800998ecf8427e", "crc32c:AAAAAA==", "sha512:ab_c-"])
def test_other_checksums_are_kept_unchanged(checksum: str) -> None:
    new = read("image", {"base64": encoded(PNG_HEADER)}, checksum=checksum)
    assert (new.hash, new.sha256) == (checksum, hashlib.sha256(PNG_HEADER).hexdigest())
    by_reference = read("image", "https://example.com/x", checksum=checksum)
    assert (by_reference.hash, by_reference.sha256) == (checksum, None)


def test_the_checksum_of_a_url_is_returned_but_not_used_as_content_hash() -> None:
    new = read("image", "https://example.com/x", checksum="a" * 64)
    assert (new.hash, new.sha256) == ("sha256:" + "a" * 64, None)


@pytest.mark.parametrize("prefix", ["", "sha256:", "SHA256:", "sha-256:"])
def test_a_sha_256_of_other_content_is_rejected(prefix: str) -> None:
    location, message = rejection("image", {"base64": encoded(PNG_HEADER)}, checksum=prefix + "a" * 64)
    assert location == ("checksum",)
    assert hashlib.sha256(PNG_HEADER).hexdigest() in message


@pytest.mark.parametrize(
    "checksum",
    ["", "x", "a" * 63, "a" * 65, "g" * 64, "sha256:", "sha256:abc", ":abc", "md5:a b", "md5:ü", "a" * 64 + "\n"],
)
@pytest.mark.parametrize("data", ["https://example.com/x", {"base64": encoded(PNG_HEADER)}])
def test_a_malformed_checksum_is_rejected(checksum: str, data: Any) -> None:
    assert rejection("image", data, checksum=checksum)[0] == ("checksum",)
