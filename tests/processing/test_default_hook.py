"""The default hook checks that the stored files of an object exist."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mypy_boto3_s3 import S3Client

from chalicelib.blobs.blob import Blob
from chalicelib.blobs.service import Blobs
from chalicelib.processing.default_hook import DefaultHook
from chalicelib.processing.processor import ProcessingFailed
from tests.processing.support import CONTEXT, new_file, new_object, new_reference
from tests.support.faults import Faults, error_response, never_sent

StoreFile = Callable[..., Blob]


def failure(hook: DefaultHook, *files: Blob) -> tuple[str, str]:
    with pytest.raises(ProcessingFailed) as raised:
        hook.process(new_object(*files), CONTEXT)
    return raised.value.category, raised.value.text


def test_an_object_with_its_files_is_processed_and_files_by_reference_are_not_fetched(
    blobs: Blobs, store_file: StoreFile
) -> None:
    hook = DefaultHook(blobs, 60)
    assert hook.process(new_object(store_file(b"x"), new_reference(), store_file(b"")), CONTEXT) == {}
    assert hook.process(new_object(), CONTEXT) == {}
    hook.close()


def test_a_missing_file_is_a_failure_that_names_its_field(blobs: Blobs, store_file: StoreFile) -> None:
    found = failure(DefaultHook(blobs, 60), store_file(b"x"), new_file("poster"))
    assert found == ("validation", "The file of the field 'poster' is not in the storage")


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        (error_response("SlowDown", status=503), "dependency"),
        (never_sent(), "dependency"),
        (error_response("InvalidRequest"), "dependency"),
        (error_response("403", status=403), "authentication"),
    ],
)
def test_trouble_of_s3_is_a_failure(
    blobs: Blobs, store_file: StoreFile, s3: S3Client, fault: Callable[[], object], category: str
) -> None:
    file, faults = store_file(b"x"), Faults(s3)
    faults.always(fault)  # type: ignore[arg-type]
    try:
        assert failure(DefaultHook(blobs, 0.2), file)[0] == category
    finally:
        faults.remove()


def test_no_file_is_checked_after_the_time_limit(blobs: Blobs) -> None:
    assert failure(DefaultHook(blobs, 0), new_file()) == ("dependency", "The storage did not respond in time")
