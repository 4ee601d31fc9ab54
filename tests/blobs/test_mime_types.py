"""The MIME type of a file, from its content, its declared type and its filename."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.support.blobs import PNG_HEADER, encoded, read, rejection

GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"
ELF = b"\x7fELF\x02\x01\x01" + bytes(60)
UNKNOWN = b"\x01\x02\x03\x04 unknown type \xfe"


def workbook(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "<xml/>" * 2000)
    return file.getvalue()


@pytest.mark.parametrize(
    ("type_", "content", "mime_type"),
    [
        ("image", PNG_HEADER, "image/png"),
        ("image", JPEG, "image/jpeg"),
        ("image", GIF, "image/gif"),
        ("video", GIF, "image/gif"),
        ("video", MP4, "video/mp4"),
        ("audio", MP4, "audio/mp4"),
        ("video", WEBM, "video/webm"),
        ("audio", WEBM, "audio/webm"),
        ("audio", MP3, "audio/mpeg"),
        ("pdf", PDF, "application/pdf"),
        ("excel", workbook("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (
            "excel",
            workbook("docProps/app.xml", "a", "b", "c", "d", "xl/workbook.xml"),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("excel", b"BMW,1\nAudi,2\n", "text/csv"),
        ("text", b"ID3 is a tag", "text/plain"),
    ],
)
def test_the_mime_type_is_detected_from_the_content(type_: str, content: bytes, mime_type: str) -> None:
    new = read(type_, {"base64": encoded(content), "mime_type": "application/octet-stream"})
    assert new.mime_type == mime_type


@pytest.mark.parametrize(
    ("type_", "content", "detected"),
    [
        ("image", PDF, "application/pdf"),
        ("image", MP4, "video/mp4"),
        ("video", PNG_HEADER, "image/png"),
        ("pdf", PNG_HEADER, "image/png"),
        ("audio", GIF, "image/gif"),
        ("excel", PDF, "application/pdf"),
        ("excel", workbook("word/document.xml"), "wordprocessingml"),
        ("excel", workbook("readme.txt"), "application/zip"),
        ("text", PNG_HEADER, "image/png"),
        ("text", ELF, "application/x-executable"),
    ],
)
def test_content_of_another_type_is_rejected_with_both_types(type_: str, content: bytes, detected: str) -> None:
    location, message = rejection(type_, {"base64": encoded(content), "mime_type": "application/octet-stream"})
    assert location == ("data",)
    assert detected in message
    assert type_ in message


def test_the_detected_type_overrides_the_declared_one() -> None:
    new = read("image", {"base64": encoded(PNG_HEADER), "mime_type": "image/jpeg", "filename": "x.gif"})
    assert new.mime_type == "image/png"


def test_content_of_unknown_type_has_the_declared_type() -> None:
    assert read("audio", "data:audio/x-rare;base64," + encoded(UNKNOWN)).mime_type == "audio/x-rare"
    assert read("audio", {"base64": encoded(UNKNOWN), "mime_type": "Audio/X-Rare; rate=8"}).mime_type == "audio/x-rare"
    assert read("image", {"base64": encoded(b"<svg/>"), "mime_type": "image/svg+xml"}).mime_type == "image/svg+xml"


def test_a_declared_type_that_the_field_does_not_accept_is_rejected() -> None:
    location, message = rejection("image", "data:application/pdf;base64," + encoded(UNKNOWN))
    assert location == ("data",)
    assert "application/pdf" in message


def test_the_filename_extension_is_used_if_the_field_accepts_its_type() -> None:
    assert read("image", {"base64": encoded(UNKNOWN), "filename": "x.PNG"}).mime_type == "image/png"
    assert read("image", {"base64": encoded(UNKNOWN), "filename": "x.pdf"}).mime_type == "application/octet-stream"
    assert read("excel", {"base64": encoded(b"a,b"), "filename": "x.csv"}).mime_type == "text/csv"


def test_content_without_any_known_type_has_the_default_type() -> None:
    assert read("image", {"base64": encoded(UNKNOWN)}).mime_type == "application/octet-stream"
    assert read("text", {"base64": encoded("Größe".encode("latin-1"))}).mime_type == "text/plain"
