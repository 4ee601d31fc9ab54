"""Reads the files in a request and checks them against the bucket's schema. Stores nothing."""

from __future__ import annotations

import hashlib
from builtins import property as computed
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.checksums import SHA256_PREFIX, read_checksum, sha256_in
from chalicelib.blobs.inputs import Content, Location, Url, read_data
from chalicelib.blobs.mime_types import (
    ZIP_SIGNATURE,
    accepted_types,
    decode_text,
    default_mime_type,
    essence,
    for_field_type,
    is_accepted,
    is_generic,
    is_misplaced_text,
    mime_type_of_filename,
    sniff,
)
from chalicelib.blobs.mirror_requests import DEFAULTS, MirrorOptions, is_copied, nothing_to_copy
from chalicelib.core.errors import RequestInvalid, invalid
from chalicelib.core.record import record
from chalicelib.schemas.values import FILE_TYPES, file_field_message

if TYPE_CHECKING:
    from chalicelib.blobs.models import CreateBlobRequest
    from chalicelib.blobs.uploaded import UploadedFile

# A text of up to this many bytes is stored in the object's row too, so that filters and responses contain it.
MAX_ROW_TEXT_BYTES = 4096

# Returns the file of an upload, by the id of the upload and the location of this id in the request.
FindUpload = Callable[[str, Location], "UploadedFile"]


@record
class NewBlob:
    """A file of a new object. One of `content`, `url`, `copied_key` and `shared` is set.

    A URL is stored by reference; `url_member` is the path to it in the file of the request. If `is_mirrored`, its file
    is copied later, with `force_remirror` even if the same content is stored. `copied_key` is the S3 key of a file of
    another object, and `copied_bytes` its size: the content is copied within S3. With `copied_etag`, it is the file of
    an upload, which its client can replace: the copy has the description of the new file, and is refused unless it has
    this ETag and the hash in `sha256`. `blob_id` is the id of the file if the caller has chosen one. `shared` is a
    file in S3 that the object refers to as it is. `upload_id` is the upload whose file it is.

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
    copied_key: str | None = None
    copied_bytes: int | None = None
    copied_etag: str | None = None
    blob_id: str | None = None
    upload_id: str | None = None
    shared: UploadedFile | None = None
    is_mirrored: bool = False
    force_remirror: bool = False
    url_member: tuple[str, ...] = ("data",)

    @computed
    def has_bytes(self) -> bool:
        """Whether the content must be stored in S3."""
        return self.content is not None or self.copied_key is not None

    @computed
    def size_bytes(self) -> int | None:
        """The length of the content in bytes; None for a URL."""
        if self.shared is not None:
            return self.shared.size_bytes
        return self.copied_bytes if self.content is None else len(self.content)


def read_blob(
    given: CreateBlobRequest,
    schema: Mapping[str, Any],
    *,
    location: Location,
    find_upload: FindUpload,
    options: MirrorOptions = DEFAULTS,
) -> NewBlob:
    """The file that a request describes, checked against its field of the schema. `options` are those of its object.

    Raises RequestInvalid with the location of the problem, which starts with `location`; UrlInvalid for a bad URL; the
    errors of `find_upload`.
    """
    type_ = _field_type(given, schema, location)
    _check_source(given, location)
    _check_metadata(given.metadata or {}, schema["properties"], (*location, "metadata"))
    new, chosen = _read_source(given, type_, location, find_upload), options.overridden_by(given)
    is_mirrored = chosen.canonicalize and is_copied(new.url)
    if given.force_remirror and not is_mirrored:
        raise nothing_to_copy(*location, "force_remirror")
    return replace(new, is_mirrored=True, force_remirror=chosen.force) if is_mirrored else new


def _read_source(given: CreateBlobRequest, type_: str, location: Location, find_upload: FindUpload) -> NewBlob:
    if given.upload_id is not None:
        return _from_upload(given, type_, find_upload(given.upload_id, (*location, "upload_id")), location)
    data = read_data(given.data, type_, (*location, "data"))
    return (
        _from_url(given, type_, data, location)
        if isinstance(data, Url)
        else _from_content(given, type_, data, location)
    )


def url_blob(property_: str, url: str, schema: Mapping[str, Any], *, location: Location) -> NewBlob:
    """The file at a URL, for a field of the schema. Raises RequestInvalid, UrlInvalid, as `read_blob` does."""
    type_ = _file_type(property_, schema, location)
    data = read_data({"url": url}, type_, (*location, "data"))
    assert isinstance(data, Url), "this form is a URL"
    mirrored = is_copied(data.url)
    return NewBlob(
        property=property_,
        type=type_,
        url=data.url,
        filename=data.filename,
        is_mirrored=mirrored,
        url_member=data.member,
    )


def file_type(name: str, schema: Mapping[str, Any], location: Location) -> str:
    """The type of the schema field with this name. Raises RequestInvalid unless it is a file type."""
    return _file_type(name, schema, location)


def mime_type_of_file(
    start: bytes, *, is_whole: bool, declared: str, filename: str, type_: str, declared_name: str | None = None
) -> str:
    """The MIME type of a file that has been stored, found as for content in a request, from its first bytes.

    `is_whole` says that these are all bytes. `declared` is the declared MIME type, which an error calls
    `declared_name`, if that is given. Raises RequestInvalid, whose location is empty, for a file that a field of the
    type does not accept.
    """
    if not is_whole and start.startswith(ZIP_SIGNATURE):
        # The parts of a workbook are named at the end of the file.
        return declared
    shown = start if is_whole else whole_characters(start)
    return _mime_type(Content(shown, mime_type=declared, filename=filename), type_, (), declared_name)


def whole_characters(start: bytes) -> bytes:
    """The bytes without the beginning of a UTF-8 character at their end."""
    for count in range(1, min(3, len(start)) + 1):
        byte = start[-count]
        if byte >= 0xC0:  # the first byte of a character of 2 to 4 bytes
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return start[:-count] if count < length else start
        if byte < 0x80:
            break
    return start


def _field_type(given: CreateBlobRequest, schema: Mapping[str, Any], location: Location) -> str:
    type_ = _file_type(given.property, schema, location)
    if given.type != type_:
        message = f"{given.property!r} is of type {type_} in the bucket's schema, not {given.type!s}"
        raise invalid(*location, "type", message=message, type="type_mismatch")
    return type_


def _file_type(name: str, schema: Mapping[str, Any], location: Location) -> str:
    declared: Mapping[str, Any] | None = schema["properties"].get(name)
    if declared is None:
        message = f"The bucket's schema has no property {name!r}"
        raise invalid(*location, "property", message=message, type="unknown_property")
    type_ = str(declared["type"])
    if type_ not in FILE_TYPES:
        message = f"{name!r} is a field of type {type_}, which holds a value and no file"
        raise invalid(*location, "property", message=message, type="not_a_file_property")
    return type_


def _check_source(given: CreateBlobRequest, location: Location) -> None:
    """Raises RequestInvalid unless there is exactly one source."""
    if given.data is None and given.upload_id is None:
        raise invalid(*location, "data", message="One of data and upload_id is required", type="missing")
    if given.data is not None and given.upload_id is not None:
        raise invalid(*location, message="data and upload_id exclude each other", type="ambiguous_source")


def _check_metadata(metadata: Mapping[str, Any], fields: Mapping[str, Any], location: Location) -> None:
    """Raises RequestInvalid for a value of a file field: metadata becomes fields of the object, and files do not."""
    for name, value in metadata.items():
        if value is not None and name in fields and fields[name]["type"] in FILE_TYPES:
            message = file_field_message(name, fields[name]["type"])
            raise invalid(*location, name, message=message, type="file_field")


def _from_url(given: CreateBlobRequest, type_: str, source: Url, location: Location) -> NewBlob:
    return NewBlob(
        property=given.property,
        type=type_,
        url=source.url,
        key_prefix=given.key_prefix,
        metadata=given.metadata or {},
        filename=source.filename,
        hash=read_checksum(given.checksum, location),
        url_member=source.member,
    )


def _from_content(given: CreateBlobRequest, type_: str, source: Content, location: Location) -> NewBlob:
    sha256 = hashlib.sha256(source.content).hexdigest()
    hash_ = _compared_checksum(given, sha256, "The content given", location)
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
        hash=hash_,
        sha256=sha256,
    )


def _from_upload(given: CreateBlobRequest, type_: str, file: UploadedFile, location: Location) -> NewBlob:
    """The file of an upload for a field of this type, as a request describes it.

    Raises RequestInvalid for a file that the field does not accept, or that has another checksum.
    """
    hash_ = _compared_checksum(given, file.sha256, "The file of the upload", location)
    return NewBlob(
        property=given.property,
        type=type_,
        text=file.text if type_ == "text" else None,
        key_prefix=given.key_prefix,
        metadata=given.metadata or {},
        filename=file.filename,
        mime_type=_type_of_upload(file, type_, (*location, "upload_id")),
        hash=hash_,
        sha256=file.sha256,
        upload_id=file.upload_id,
        shared=file,
    )


def _type_of_upload(file: UploadedFile, type_: str, location: Location) -> str:
    """The MIME type that was found in the file, else that of its filename. Raises RequestInvalid."""
    if not is_generic(file.mime_type):
        known = for_field_type(file.mime_type, type_)
        if not is_accepted(known, type_):
            message = f"The file of the upload is {known}, and a field of type {type_} takes {accepted_types(type_)}"
            raise invalid(*location, message=message, type="content_type_mismatch")
        return known
    suggested = mime_type_of_filename(file.filename)
    return suggested if suggested and is_accepted(suggested, type_) else default_mime_type(b"", type_)


def _compared_checksum(given: CreateBlobRequest, sha256: str, what: str, location: Location) -> str:
    """The checksum of a file with this SHA-256: the declared one, if there is one. Raises RequestInvalid."""
    declared = read_checksum(given.checksum, location)
    if sha256_in(declared) not in (None, sha256):
        message = f"{what} has the SHA-256 {sha256}"
        raise invalid(*location, "checksum", message=message, type="checksum_mismatch")
    return declared or SHA256_PREFIX + sha256


def _mime_type(source: Content, type_: str, location: Location, declared_name: str | None = None) -> str:
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
        found = f"The bytes given are {known}" if sniffed else f"The content is declared as {declared_name or known}"
        raise _mismatch(found, type_, location)
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
