"""Reads the files in a request and checks them against the bucket's schema. Stores nothing."""

from __future__ import annotations

import hashlib
import re
from builtins import property as computed
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.inputs import Content, Location, Url, read_data
from chalicelib.blobs.mime_types import (
    accepted_types,
    decode_text,
    default_mime_type,
    essence,
    is_accepted,
    is_generic,
    is_misplaced_text,
    mime_type_of_filename,
    sniff,
)
from chalicelib.core.errors import NotEnabled, RequestInvalid, invalid
from chalicelib.schemas.values import FILE_TYPES, file_field_message

if TYPE_CHECKING:
    from chalicelib.blobs.models import CreateBlobRequest

# A text of up to this many bytes is stored in the object's row too, so that filters and responses contain it.
MAX_ROW_TEXT_BYTES = 4096

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_CHECKSUM = re.compile(r"([A-Za-z0-9][A-Za-z0-9_./-]{0,31}):([A-Za-z0-9+/=_-]{1,160})")
_PREFIX = "sha256:"


@dataclass(frozen=True, slots=True)
class NewBlob:
    """A file in a request. Either `content` or `url` is None; a URL is stored by reference and not fetched.

    `property` and `type` are those of the schema field. `text` repeats the content of a short text. `hash` is what
    clients receive, as `algorithm:hash`; `sha256` is that of `content`, in hex, and None for a URL.
    """

    property: str
    type: str
    content: bytes | None = None
    url: str | None = None
    text: str | None = None
    key_prefix: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    filename: str | None = None
    mime_type: str | None = None
    hash: str | None = None
    sha256: str | None = None

    @computed
    def size_bytes(self) -> int | None:
        """The length of the content in bytes; None for a URL."""
        return None if self.content is None else len(self.content)


def read_blob(given: CreateBlobRequest, schema: Mapping[str, Any], *, location: Location) -> NewBlob:
    """The file that a request describes, checked against its field of the schema.

    Raises RequestInvalid with the location of the problem, which starts with `location`; UrlInvalid for a bad URL;
    NotEnabled if the request has an `upload_id` or sets `force_remirror`.
    """
    type_ = _field_type(given, schema, location)
    _check_source(given, location)
    _check_metadata(given.metadata or {}, schema["properties"], (*location, "metadata"))
    data = read_data(given.data, type_, (*location, "data"))
    if isinstance(data, Url):
        return _from_url(given, type_, data, location)
    return _from_content(given, type_, data, location)


def _field_type(given: CreateBlobRequest, schema: Mapping[str, Any], location: Location) -> str:
    declared: Mapping[str, Any] | None = schema["properties"].get(given.property)
    if declared is None:
        message = f"The bucket's schema has no property {given.property!r}"
        raise invalid(*location, "property", message=message, type="unknown_property")
    type_ = str(declared["type"])
    if type_ not in FILE_TYPES:
        message = f"{given.property!r} is a field of type {type_}, which holds a value and no file"
        raise invalid(*location, "property", message=message, type="not_a_file_property")
    if given.type != type_:
        message = f"{given.property!r} is of type {type_} in the bucket's schema, not {given.type!s}"
        raise invalid(*location, "type", message=message, type="type_mismatch")
    return type_


def _check_source(given: CreateBlobRequest, location: Location) -> None:
    """Raises RequestInvalid unless there is exactly one source, and NotEnabled for a source that is not enabled."""
    if given.data is None and given.upload_id is None:
        raise invalid(*location, "data", message="One of data and upload_id is required", type="missing")
    if given.data is not None and given.upload_id is not None:
        raise invalid(*location, message="data and upload_id exclude each other", type="ambiguous_source")
    for name in ("upload_id", "force_remirror"):
        if getattr(given, name):
            path = ".".join(map(str, (*location, name)))
            raise NotEnabled(f"{path}: {name} is not enabled here", details={"field": path})


def _check_metadata(metadata: Mapping[str, Any], fields: Mapping[str, Any], location: Location) -> None:
    """Raises RequestInvalid for a value of a file field: metadata becomes fields of the object, and files do not."""
    for name, value in metadata.items():
        if value is not None and name in fields and fields[name]["type"] in FILE_TYPES:
            message = file_field_message(name, fields[name]["type"])
            raise invalid(*location, name, message=message, type="file_field")


def _from_url(given: CreateBlobRequest, type_: str, source: Url, location: Location) -> NewBlob:
    hash_, _ = _checksum(given.checksum, location)
    return NewBlob(
        property=given.property,
        type=type_,
        url=source.url,
        key_prefix=given.key_prefix,
        metadata=given.metadata or {},
        filename=source.filename,
        hash=hash_,
    )


def _from_content(given: CreateBlobRequest, type_: str, source: Content, location: Location) -> NewBlob:
    hash_, expected = _checksum(given.checksum, location)
    sha256 = hashlib.sha256(source.content).hexdigest()
    if expected is not None and expected != sha256:
        message = f"The content given has the SHA-256 {sha256}"
        raise invalid(*location, "checksum", message=message, type="checksum_mismatch")
    short = type_ == "text" and len(source.content) <= MAX_ROW_TEXT_BYTES
    return NewBlob(
        property=given.property,
        type=type_,
        content=source.content,
        text=(source.text if source.text is not None else decode_text(source.content)) if short else None,
        key_prefix=given.key_prefix,
        metadata=given.metadata or {},
        filename=source.filename,
        mime_type=_mime_type(source, type_, (*location, "data")),
        hash=hash_ or _PREFIX + sha256,
        sha256=sha256,
    )


def _checksum(text: str | None, location: Location) -> tuple[str | None, str | None]:
    """The checksum as clients receive it, and the SHA-256 in lower-case hex if it is one."""
    if text is None:
        return None, None
    if _SHA256.fullmatch(text):
        return _PREFIX + text.lower(), text.lower()
    found = _CHECKSUM.fullmatch(text)
    if found is None:
        raise _bad_checksum(location, "A checksum is 64 hex digits of a SHA-256, or algorithm:hash")
    if found[1].lower() not in ("sha256", "sha-256"):
        return text, None
    if not _SHA256.fullmatch(found[2]):
        raise _bad_checksum(location, "A SHA-256 has 64 hex digits")
    return text, found[2].lower()


def _bad_checksum(location: Location, message: str) -> RequestInvalid:
    return invalid(*location, "checksum", message=message, type="checksum_malformed")


def _mime_type(source: Content, type_: str, location: Location) -> str:
    """The MIME type found in the content, else the declared one, else the one of the filename extension.

    The parameters of the declared type are kept unless the content is of another type. Raises RequestInvalid for
    content that the field does not accept: of another type, or a text where no format of the field is a text.
    """
    if source.text is not None:
        return default_mime_type(source.content, type_)
    sniffed = sniff(source.content, type_)
    declared = None if source.mime_type is None or is_generic(source.mime_type) else source.mime_type
    known = sniffed or declared
    if known is not None and not is_accepted(known, type_):
        how = "The bytes given are" if sniffed else "The content is declared as"
        raise _mismatch(f"{how} {known}", type_, location)
    suggested = mime_type_of_filename(source.filename)
    fallback = suggested if suggested and is_accepted(suggested, type_) else None
    if sniffed is None and is_misplaced_text(source.content, type_, declared or fallback):
        raise _mismatch("The bytes given are a text", type_, location)
    if known is not None:
        return declared if declared is not None and essence(declared) == known else known
    return fallback or default_mime_type(source.content, type_)


def _mismatch(found: str, type_: str, location: Location) -> RequestInvalid:
    message = f"{found}, and a field of type {type_} takes {accepted_types(type_)}"
    return invalid(*location, message=message, type="content_type_mismatch")
