"""The MIME type of a file, from its content, its declared type and its filename."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.blobs.mime_types import read_mime_type
from chalicelib.blobs.signatures import detect, is_text
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
    rare = read("audio", {"base64": encoded(UNKNOWN), "mime_type": "Audio/X-Rare; rate=8"})
    assert rare.mime_type == "audio/x-rare; rate=8"
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


# Texts that start like other formats

# What the library compares, where it is two to four printable characters.
SHORT_SIGNATURES = [
    "BM", "GIF", "8BPS", "AC10", "MThd", "ID3", "M4A ", "OggS", "fLaC", "BZh", "MZ", "CWS", "FWS", "Cr24", "MSCF",
    "ISc(", "%!", "SQLi", "LZIP", "%PDF", "ftyp3gp",
]  # fmt: skip
SINGLE_BYTE = ["cp1250", "cp1251", "cp1252", "cp1253", "koi8-r", "cp437", "mac_roman", "iso8859-15"]
MULTI_BYTE = ["gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"]


@pytest.mark.parametrize("start", SHORT_SIGNATURES)
@pytest.mark.parametrize(("type_", "default"), [("text", "text/plain"), ("excel", "text/csv")])
def test_a_text_in_another_encoding_may_start_like_a_signature(type_: str, default: str, start: str) -> None:
    content = encoded(f"{start};Größe\r\n1;2\r\n".encode("cp1252"))
    assert read(type_, {"base64": content}).mime_type == default
    assert read(type_, {"base64": content, "mime_type": "text/csv", "filename": "x.csv"}).mime_type == "text/csv"


@pytest.mark.parametrize("text", ["ясно", "яШя — буквы", "яуже"])
def test_letters_of_other_alphabets_are_no_signature(text: str) -> None:
    content = text.encode("cp1251", errors="ignore") + b" 1\r\n"
    assert read("text", {"base64": encoded(content)}).mime_type == "text/plain"


@given(
    st.sampled_from(SHORT_SIGNATURES),
    st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), include_characters="\t\r\n\f"), max_size=400),
    st.sampled_from([*SINGLE_BYTE, *MULTI_BYTE]),
    st.sampled_from([b"", b"\x1a"]),
)
def test_no_text_in_any_encoding_is_taken_for_another_type(start: str, text: str, encoding: str, end: bytes) -> None:
    content = f"{start} {text}".encode(encoding, errors="ignore") + end
    assert is_text(content)
    assert detect(content) is None


@given(st.sampled_from(SHORT_SIGNATURES), st.binary(min_size=17, max_size=17))
def test_a_short_signature_needs_the_bytes_that_follow_it(start: str, end: bytes) -> None:
    assert detect(start.encode() + b" as in 2021 \x0b\x01\x01" + end) is None


@given(st.text(max_size=60), st.integers(0, 40))
def test_a_svg_is_found_in_linear_time(text: str, count: int) -> None:
    assert detect(("<!---->" * 5000 + "<!--" * count + text.replace("svg", "")).encode()) is None


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (b"BM" + bytes([70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0]), "image/bmp"),
        (b"8BPS\0\x01" + bytes(20), "image/vnd.adobe.photoshop"),
        (b"MThd\0\0\0\x06\0\x01", "audio/midi"),
        (b"OggS\0\x02" + bytes(20), "audio/ogg"),
        (b"fLaC\0\0\0\x22\x10\0", "audio/x-flac"),
        (b"BZh91AY&SY\x03\xc7\0", "application/x-bzip2"),
        (b"MZ\x90\0\x03\0\0\0\x04\0", "application/x-msdownload"),
        (b"SQLite format 3\0" + bytes(20), "application/x-sqlite3"),
        (b"\xff\xfb\x90\x64\0\x0f", "audio/mpeg"),
        (b"\xff\xf1\x50\x80\x01\x7f", "audio/aac"),
        (b"{\\rtf1\\ansi Gr\xf6\xdfe}", "application/rtf"),
    ],
)
def test_files_with_short_signatures_are_still_recognized(content: bytes, mime_type: str) -> None:
    assert detect(content) == mime_type


# SVG

SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    "text",
    [
        SVG,
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- by > hand -->\n{SVG}',
        f"\ufeff  {SVG}",
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd" [ <!ENTITY a "b>c"> ]>' + SVG,
        '<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg">Größe</s:svg>',
        "<!--" + "license " * 3000 + "-->" + SVG,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "declared", [{}, {"mime_type": "application/xml"}, {"mime_type": "text/xml"}, {"filename": "x.png"}]
)
def test_an_svg_is_recognized(text: str, encoding: str, declared: dict[str, str]) -> None:
    content = encoded(text.encode(encoding))
    assert read("image", {"base64": content, **declared}).mime_type == "image/svg+xml"
    assert "image/svg+xml" in rejection("video", {"base64": content, **declared})[1]


@pytest.mark.parametrize("text", ["<html><svg/></html>", "<svgs/>", "<!-- <svg/> -->", "a <svg/>"])
def test_other_documents_are_not_svg(text: str) -> None:
    assert detect(text.encode()) is None


def test_an_svg_in_a_text_field_is_a_text() -> None:
    assert read("text", {"base64": encoded(SVG.encode())}).mime_type == "text/plain"
    content = encoded(SVG.replace("/>", ">Größe</svg>").encode("latin-1"))
    assert read("text", {"base64": content, "mime_type": "text/xml"}).mime_type == "text/xml"


# Images in containers


def container(major: str, *compatible: str) -> bytes:
    brands = b"".join(map(str.encode, compatible))
    return (16 + len(brands)).to_bytes(4, "big") + b"ftyp" + major.encode() + bytes(4) + brands + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(
    ("brands", "mime_type"),
    [
        (("heic", "mif1", "heic"), "image/heic"),
        (("heix", "mif1", "heix"), "image/heic"),
        (("heim", "mif1"), "image/heic"),
        (("heis", "mif1"), "image/heic"),
        (("hevc", "msf1", "hevc", "iso8"), "image/heic-sequence"),
        (("hevx", "msf1"), "image/heic-sequence"),
        (("mif1", "miaf", "heix"), "image/heic"),
        (("mif1", "miaf"), "image/heif"),
        (("msf1", "hevc", "mp42"), "image/heic-sequence"),
        (("avis", "msf1", "mp42"), "image/avif"),
        (("mif1", "avif"), "image/avif"),
        (("crx ", "crx ", "isom"), "image/x-canon-cr3"),
    ],
)
def test_images_in_containers_are_images(brands: tuple[str, ...], mime_type: str) -> None:
    content = encoded(container(*brands))
    assert read("image", {"base64": content}).mime_type == mime_type
    assert mime_type in rejection("video", {"base64": content})[1]


@given(st.binary(max_size=40))
def test_a_malformed_container_is_read_without_an_error(content: bytes) -> None:
    detect(b"\0\0\0" + content[:1] + b"ftyp" + content[1:])
    detect(content)


# Texts in fields for other files


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"<!doctype html><title>404</title>",
        b'{"error": "not found"}',
        "Größe".encode("latin-1"),
        "Größe".encode("utf-16"),
        "映画".encode(),
        b"\r\n",
    ],
)
@pytest.mark.parametrize("declared", [{}, {"mime_type": "application/octet-stream"}, {"filename": "x.{}"}])
@pytest.mark.parametrize(
    ("type_", "extension"), [("image", "png"), ("image", "svg"), ("audio", "mp3"), ("video", "mp4"), ("pdf", "pdf")]
)
def test_a_text_is_rejected_where_other_files_belong(
    type_: str, extension: str, declared: dict[str, str], content: bytes
) -> None:
    data = {"base64": encoded(content), **{name: value.format(extension) for name, value in declared.items()}}
    location, message = rejection(type_, data)
    assert location == ("data",)
    assert "The bytes given are a text" in message
    assert type_ in message


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpg", "image/svg+xml", "image/x-rare"])
def test_a_text_declared_as_an_image_is_rejected(mime_type: str) -> None:
    assert "are a text" in rejection("image", {"base64": encoded(b"hello"), "mime_type": mime_type})[1]


@pytest.mark.parametrize(
    ("type_", "content", "more", "mime_type"),
    [
        ("image", b"/* XPM */ static char", {"mime_type": "image/x-xpixmap"}, "image/x-xpixmap"),
        ("image", b"P3 1 1 255 0 0 0", {"filename": "x.ppm"}, "image/x-portable-pixmap"),
        ("image", b"SIMPLE  =   T", {"mime_type": "image/fits"}, "image/fits"),
        ("audio", b"#EXTM3U", {"mime_type": "audio/x-mpegurl"}, "audio/x-mpegurl"),
        ("audio", b"\xff\xfe\xff\x7e", {"mime_type": "audio/basic; rate=8000"}, "audio/basic; rate=8000"),
        ("pdf", b"\n%PDF-1.4\n1 0 obj", {}, "application/pdf"),
    ],
)
def test_formats_that_can_be_texts_are_accepted(
    type_: str, content: bytes, more: dict[str, str], mime_type: str
) -> None:
    assert read(type_, {"base64": encoded(content), **more}).mime_type == mime_type


@pytest.mark.parametrize("type_", ["image", "audio", "video", "pdf", "excel"])
def test_bytes_of_an_unknown_format_are_accepted_as_octets(type_: str) -> None:
    assert read(type_, {"base64": encoded(UNKNOWN)}).mime_type == "application/octet-stream"


# Parameters


@pytest.mark.parametrize(
    ("type_", "declared", "kept"),
    [
        ("excel", "text/csv; charset=windows-1252", "text/csv; charset=windows-1252"),
        ("excel", "Text/CSV ;Charset=windows-1252;header=present", "text/csv; charset=windows-1252; header=present"),
        ("text", 'text/plain;charset="iso-8859-1"; name=a.txt', 'text/plain; charset="iso-8859-1"'),
        ("audio", "audio/L16;rate=44100;channels=2", "audio/l16; rate=44100; channels=2"),
        ("text", "text/plain; nonsense", "text/plain"),
        ("text", "text/plain; charset=a; charset=b", "text/plain; charset=a"),
        ("text", 'text/plain; charset="a\r\nb"', "text/plain"),
        ("text", "text/plain; charset=" + "x" * 300, "text/plain"),
    ],
)
def test_parameters_that_say_how_the_bytes_are_read_are_kept(type_: str, declared: str, kept: str) -> None:
    content = UNKNOWN if type_ == "audio" else "Größe".encode("cp1252")
    assert read(type_, {"base64": encoded(content), "mime_type": declared}).mime_type == kept


def test_parameters_are_kept_if_the_bytes_are_of_the_declared_type() -> None:
    codecs = 'video/mp4; codecs="avc1.640028, mp4a.40.2"'
    assert read("video", {"base64": encoded(MP4), "mime_type": codecs}).mime_type == codecs
    assert read("video", {"base64": encoded(WEBM), "mime_type": codecs}).mime_type == "video/webm"


@given(st.text(max_size=80))
def test_a_mime_type_is_safe_in_a_header(text: str) -> None:
    for given_ in (text, f"text/plain; charset={text}", f'text/plain; charset="{text}"'):
        found = read_mime_type(given_)
        assert found is None or (found.isascii() and found.isprintable() and read_mime_type(found) == found)
