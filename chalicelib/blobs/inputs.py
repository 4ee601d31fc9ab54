"""Reads the `data` of a file in a request: a URL, a data URI, an object with base64, or text."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from chalicelib.blobs.errors import UrlInvalid
from chalicelib.blobs.mime_types import decode_text, read_mime_type
from chalicelib.core.errors import RequestInvalid, invalid
from chalicelib.core.record import record

Location = tuple[str | int, ...]

# A text is sent as it is.
MAX_INLINE_TEXT_BYTES = 5 * 1024 * 1024
# In base64 a third more, which fits into a request beside 130 KB of other fields.
MAX_INLINE_CONTENT_BYTES = 4_400_000
MAX_URL_CHARS = 2083
MAX_S3_KEY_BYTES = 1024
MAX_FILENAME_CHARS = 255
# A shorter text without padding is accepted unchanged, because many short words are also valid base64.
MIN_BASE64_CHARS = 16

FORMS = "a URL (http, https, s3), a data URI in base64, {base64, mime_type, filename} or {url}"
TEXT_FORMS = f"text, {{text}}, {FORMS}"

_KEYS = {"base64": {"base64", "mime_type", "filename"}, "url": {"url"}, "text": {"text"}}
# file:// is recognized as a URL in order to reject it.
_URL = re.compile(r"(https?|s3|file)://", re.IGNORECASE)
_DATA_URI = re.compile(r"data:([^,]*);base64,", re.IGNORECASE)
_ALPHABET = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_LINE_ENDS = str.maketrans("", "", "\r\n")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f]")
_S3_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NOT_IN_FILENAME = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|(^|/)\.\.?(/|$)")


@record
class Url:
    """A file that is stored elsewhere. `NewBlob` says whether it is copied later.

    `member` is the path to the URL in the file of the request.
    """

    url: str
    filename: str | None
    member: tuple[str, ...] = ("data",)


@record
class Content:
    """A file whose content is in the request. `text` is set if the content was sent as text."""

    content: bytes
    text: str | None = None
    mime_type: str | None = None
    filename: str | None = None


def read_data(data: Any, type_: str, location: Location) -> Url | Content:
    """The file in `data`, for a schema field of this file type. Raises RequestInvalid, UrlInvalid."""
    if isinstance(data, str):
        return _from_string(data, type_, location)
    if isinstance(data, Mapping):
        return _from_object(data, type_, location)
    raise _unknown_form(type_, location)


def _from_string(data: str, type_: str, location: Location) -> Url | Content:
    if _URL.match(data):
        return _check_url(data, location)
    uri = _DATA_URI.match(data)
    if uri is not None:
        mime_type = _read_mime_type(uri[1] or "text/plain", location)
        return _content(data[uri.end() :], type_, location, mime_type=mime_type)
    if type_ != "text":
        raise _unknown_form(type_, location)
    _check_not_encoded(data, location)
    return _text(data, location)


def _from_object(data: Mapping[str, Any], type_: str, location: Location) -> Url | Content:
    forms = [form for form in _KEYS if form in data]
    if len(forms) != 1 or (forms == ["text"] and type_ != "text"):
        raise _unknown_form(type_, location)
    (form,) = forms
    for name in data:
        if name not in _KEYS[form]:
            message = f"{name!r} is not accepted beside {form!r}; accepted: {', '.join(sorted(_KEYS[form]))}"
            raise invalid(*location, name, message=message, type="extra_forbidden")
    value = _string(data, form, location)
    if form == "url":
        return replace(_check_url(value, (*location, "url")), member=("data", "url"))
    if form == "text":
        return _text(value, (*location, "text"))
    mime_type = data.get("mime_type") and _read_mime_type(
        _string(data, "mime_type", location), (*location, "mime_type")
    )
    filename = data.get("filename") and _filename(_string(data, "filename", location), (*location, "filename"))
    return _content(value, type_, (*location, "base64"), mime_type=mime_type or None, filename=filename or None)


def _string(data: Mapping[str, Any], name: str, location: Location) -> str:
    if not isinstance(data[name], str):
        raise invalid(*location, name, message="Input should be a valid string", type="string_type")
    return str(data[name])


def _check_url(url: str, location: Location) -> Url:
    """The URL as it was given. Raises UrlInvalid unless it is a valid http, https or s3 URL."""
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https", "s3"):
        raise UrlInvalid(location, "A URL starts with http://, https:// or s3://")
    if scheme != "s3" and len(url) > MAX_URL_CHARS:
        raise UrlInvalid(location, f"A URL has at most {MAX_URL_CHARS} characters")
    if _NOT_IN_URL.search(url):
        raise UrlInvalid(
            location, "A URL contains no spaces or control characters; send a text that starts like a URL as {text}"
        )
    return _s3_url(url, location) if scheme == "s3" else _http_url(url, location)


def _http_url(url: str, location: Location) -> Url:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UrlInvalid(location, f"Not a URL: {error}") from error
    if not host:
        raise UrlInvalid(location, "A URL must have a host")
    return Url(url, last_segment(parts.path))


def _s3_url(url: str, location: Location) -> Url:
    bucket, _, key = url[len("s3://") :].partition("/")
    if not _S3_BUCKET.fullmatch(bucket) or not key or len(key.encode()) > MAX_S3_KEY_BYTES:
        raise UrlInvalid(location, f"An S3 URL is s3://bucket/key, its key at most {MAX_S3_KEY_BYTES} bytes")
    return Url(url, last_segment(key, quoted=False))


def last_segment(path: str, *, quoted: bool = True) -> str | None:
    """The last segment of a path, if it is a valid filename."""
    last = path.rpartition("/")[2]
    name = unquote(last) if quoted else last
    return name if _is_filename(name) and "/" not in name else None


def _text(text: str, location: Location) -> Content:
    content = text.encode()
    if len(content) > MAX_INLINE_TEXT_BYTES:
        raise _too_large(location, f"A text in a request has at most {MAX_INLINE_TEXT_BYTES} bytes")
    return Content(content, text=text)


def _content(
    encoded: str, type_: str, location: Location, *, mime_type: str | None, filename: str | None = None
) -> Content:
    encoded = encoded.translate(_LINE_ENDS)
    message = f"A file in base64 has at most {MAX_INLINE_CONTENT_BYTES} bytes"
    if len(encoded) // 4 * 3 - 2 > MAX_INLINE_CONTENT_BYTES:
        raise _too_large(location, message)
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(*location, message="This is not base64", type="base64_invalid") from None
    if len(content) > MAX_INLINE_CONTENT_BYTES:
        raise _too_large(location, message)
    if not content and type_ != "text":
        raise invalid(*location, message="The content is empty", type="content_empty")
    return Content(content, mime_type=mime_type, filename=filename)


def _check_not_encoded(text: str, location: Location) -> None:
    """Raises RequestInvalid for a text that is base64 of another text, which the client most likely wants to store."""
    one_line = text.translate(_LINE_ENDS)
    long_enough = len(one_line) >= MIN_BASE64_CHARS or one_line.endswith("=")
    if not long_enough or len(one_line) % 4 or not _ALPHABET.fullmatch(one_line):
        return
    if decode_text(base64.b64decode(one_line)) is not None:
        message = "This is a text in base64: send the text itself, {base64}, a data URI, or {text} to keep it as it is"
        raise invalid(*location, message=message, type="base64_as_text")


def _read_mime_type(text: str, location: Location) -> str:
    mime_type = read_mime_type(text)
    if mime_type is None:
        raise invalid(*location, message=f"{text[:100]!r} is not a MIME type", type="mime_type_invalid")
    return mime_type


def _filename(text: str, location: Location) -> str:
    if not _is_filename(text):
        message = f"A filename has 1 to {MAX_FILENAME_CHARS} characters, no backslash, control character or '..'"
        raise invalid(*location, message=message, type="filename_invalid")
    return text


def _is_filename(text: str) -> bool:
    return 0 < len(text) <= MAX_FILENAME_CHARS and _NOT_IN_FILENAME.search(text) is None and bool(text.strip())


def _unknown_form(type_: str, location: Location) -> RequestInvalid:
    forms = TEXT_FORMS if type_ == "text" else FORMS
    return invalid(*location, message=f"The data of a field of type {type_} must be {forms}", type="data_form")


def _too_large(location: Location, limit: str) -> RequestInvalid:
    message = f"{limit}; upload a larger one (POST /v1/buckets/{{bucket_identifier}}/uploads) or send it by URL"
    return invalid(*location, message=message, type="content_too_large")
