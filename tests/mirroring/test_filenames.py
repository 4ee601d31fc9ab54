"""Filenames in the headers of hosts: valid ones are kept, and no other one stops the copy."""

from __future__ import annotations

import pytest

from chalicelib.mirroring.checking import MAX_FILENAME_BYTES, filename_in
from tests.mirroring.scenes import Scene, reply_with, url_blob
from tests.uploads.scenes import PNG

SURROGATE = "attachment; filename*=utf-7''%2B2AA-.png"


@pytest.mark.parametrize(
    ("header", "filename"),
    [
        ("attachment; filename=a.png", "a.png"),
        ("attachment; filename*=UTF-8''%C3%A4.png", "ä.png"),
        ("attachment; filename*=utf-8'de'%C3%A4.png", "ä.png"),
        ("attachment; filename*=iso-8859-1''%E4.png", "ä.png"),
        (SURROGATE, None),
        ("attachment; filename*=utf-16''%D8%00.png", None),
        ("attachment; filename*=idna''a.png", None),
        ("attachment; filename*=rot13''a.png", None),
        ("attachment; filename*=unknown''a.png", None),
        ("attachment; filename*=''a.png", "a.png"),
        ("attachment; filename*=utf-8''" + "%C3%A4" * (MAX_FILENAME_BYTES // 2 + 1), None),
        ("attachment; filename*=utf-8''%ED%A0%80.png", "���.png"),
        ("attachment; filename=\ud800.png", None),
    ],
)
def test_a_filename_is_read_or_left_out(header: str, filename: str | None) -> None:
    assert filename_in(header) == filename


def test_a_file_with_an_invalid_name_is_copied(scene: Scene) -> None:
    scene.host.reply(reply_with(PNG, "Content-Type: image/png", f"Content-Disposition: {SURROGATE}"))
    made = scene.create(url_blob("http://films.example.com/"))
    assert scene.finish() == 1
    assert scene.check_stored(made)["details"]["filename"] is None
