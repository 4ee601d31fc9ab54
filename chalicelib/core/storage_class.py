"""The storage classes that a bucket can have. `chalicelib/blobs/store.py` maps them to those of S3."""

from __future__ import annotations

from enum import StrEnum


class StorageClass(StrEnum):
    """Storage tier of a bucket's objects. The names do not depend on the storage provider.

    On S3: standard is STANDARD, nearline STANDARD_IA, coldline GLACIER_IR, archive GLACIER.
    """

    STANDARD = "standard"
    NEARLINE = "nearline"
    COLDLINE = "coldline"
    ARCHIVE = "archive"
