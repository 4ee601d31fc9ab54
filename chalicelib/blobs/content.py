"""What a client sends for a file: read, checked against the schema, and not yet stored anywhere."""

from __future__ import annotations

import hashlib
import re
from builtins import property as computed
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.inputs import MAX_CONTENT_BYTES, Content, Location, Url, read_data
from chalicelib.blobs.mime_types import (
    by_default,
    decoded,
    fits,
    is_vague,
    of_filename,
    sniff,
    taken_by,
)
from chalicelib.core.errors import NotEnabled, RequestInvalid, invalid
from chalicelib.schemas.values import FILE_TYPES

if TYPE_CHECKING:
    from chalicelib.blobs.models import CreateBlobRequest

# Texts up to this many bytes stand in the object's row too, where filters and readers find them.
MAX_ROW_TEXT_BYTES = 4096

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_CHECKSUM = re.compile(r"([A-Za-z0-9][A-Za-z0-9_./-]{0,31}):([A-Za-z0-9+/=_-]{1,160})")
_PREFIX = "sha256:"

__all__ = ["MAX_CONTENT_BYTES", "MAX_ROW_TEXT_BYTES", "NewBlob", "read_blob"]


@dataclass(frozen=True, slots=True)
class NewBlob:
    """A file as it is to be: its `content`, or the `url` where it stays; one of them is None.

    `text` repeats a short text. `hash` is what clients are shown; `sha256`, in hex, is of the content at hand.
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
        """How long the content is, where it is known."""
        return None if self.content is None else len(self.content)


def read_blob(given: CreateBlobRequest, schema: Mapping[str, Any], *, location: Location) -> NewBlob:
    """The file that a request describes, fit for its field of the schema.

    Raises RequestInvalid at a place beneath `location` (UrlInvalid for a URL), or NotEnabled for an upload
    and for mirroring.
    """
    type_ = _type(given, schema, location)
    _check_source(given, location)
    read = read_data(given.data, type_, (*location, "data"))
    if isinstance(read, Url):
        return _by_reference(given, type_, read, location)
    return _at_hand(given, type_, read, location)


def _type(given: CreateBlobRequest, schema: Mapping[str, Any], location: Location) -> str:
    declared: Mapping[str, Any] | None = schema["properties"].get(given.property)
    if declared is None:
        why = f"The bucket's schema has no property {given.property!r}"
        raise invalid(*location, "property", message=why, type="unknown_property")
    type_ = str(declared["type"])
    if type_ not in FILE_TYPES:
        why = f"{given.property!r} is a field of type {type_}, which holds a value and no file"
        raise invalid(*location, "property", message=why, type="not_a_file_property")
    if given.type != type_:
        why = f"{given.property!r} is of type {type_} in the bucket's schema, not {given.type!s}"
        raise invalid(*location, "type", message=why, type="type_mismatch")
    return type_


def _check_source(given: CreateBlobRequest, location: Location) -> None:
    """Refuses what is not exactly one source, and what this deployment does not do."""
    if given.data is None and given.upload_id is None:
        raise invalid(*location, "data", message="One of data and upload_id is required", type="missing")
    if given.data is not None and given.upload_id is not None:
        raise invalid(*location, message="data and upload_id exclude each other", type="ambiguous_source")
    for name in ("upload_id", "force_remirror"):
        if getattr(given, name):
            place = ".".join(map(str, (*location, name)))
            raise NotEnabled(f"{place}: {name} is not enabled here", details={"field": place})


def _by_reference(given: CreateBlobRequest, type_: str, source: Url, location: Location) -> NewBlob:
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


def _at_hand(given: CreateBlobRequest, type_: str, read: Content, location: Location) -> NewBlob:
    hash_, expected = _checksum(given.checksum, location)
    sha256 = hashlib.sha256(read.content).hexdigest()
    if expected is not None and expected != sha256:
        why = f"The content given has the SHA-256 {sha256}"
        raise invalid(*location, "checksum", message=why, type="checksum_mismatch")
    short = type_ == "text" and len(read.content) <= MAX_ROW_TEXT_BYTES
    return NewBlob(
        property=given.property,
        type=type_,
        content=read.content,
        text=(read.text if read.text is not None else decoded(read.content)) if short else None,
        key_prefix=given.key_prefix,
        metadata=given.metadata or {},
        filename=read.filename,
        mime_type=_mime_type(read, type_, (*location, "data")),
        hash=hash_ or _PREFIX + sha256,
        sha256=sha256,
    )


def _checksum(text: str | None, location: Location) -> tuple[str | None, str | None]:
    """The checksum as clients are shown it, and the SHA-256 that it claims, in lower-case hex."""
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


def _bad_checksum(location: Location, why: str) -> RequestInvalid:
    return invalid(*location, "checksum", message=why, type="checksum_malformed")


def _mime_type(read: Content, type_: str, place: Location) -> str:
    """What the bytes show themselves to be, else what was declared, else what the name suggests."""
    if read.text is not None:
        return by_default(read.content, type_)
    shown = sniff(read.content, type_)
    declared = None if read.mime_type is None or is_vague(read.mime_type) else read.mime_type
    known = shown or declared
    if known is not None and not fits(known, type_):
        how = "The bytes given are" if shown else "The content is declared as"
        why = f"{how} {known}, and a field of type {type_} takes {taken_by(type_)}"
        raise invalid(*place, message=why, type="content_type_mismatch")
    if known is not None:
        return known
    named = of_filename(read.filename)
    return named if named and fits(named, type_) else by_default(read.content, type_)
