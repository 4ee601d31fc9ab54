"""A Python hook in a child process: what it receives, what it returns, and how it fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.blobs.blob import Blob
from chalicelib.processing.processor import ProcessingFailed
from chalicelib.processing.python_hook.client import PythonHook
from tests.processing.support import Run, new_file, new_reference

NewHook = Callable[..., PythonHook]
StoreFile = Callable[..., Blob]


def failure(run: Run, act: str, *blobs: Blob, **fields: Any) -> tuple[str, str]:
    """Returns the category and the text of the failure."""
    with pytest.raises(ProcessingFailed) as raised:
        run(act, *blobs, **fields)
    return raised.value.category, raised.value.text


def test_the_hook_receives_the_object_its_files_and_the_batch(run: Run) -> None:
    stored = new_file(size_bytes=3, filename="a.txt", sha256="00ff")
    received = run("everything", stored, new_reference(), title="M", nested={"ä": [1, None, 2.5]})
    assert received == {
        "object_id": "obj_1",
        "bucket_id": "bkt_1",
        "namespace_id": "ns_1",
        "batch_id": "btch_1",
        "fields": {"act": "everything", "title": "M", "nested": {"ä": [1, None, 2.5]}},
        "metadata": {"campaign_id": "spring"},
        "attempt": 2,
        "deadline": pytest.approx(time.time() + 20, abs=10),
        "files": [
            {
                "blob_id": stored.blob_id,
                "property": "review",
                "type": "text",
                "mime_type": "text/plain",
                "filename": "a.txt",
                "size_bytes": 3,
                "sha256": "00ff",
                "url": None,
            },
            {
                "blob_id": "blob_r",
                "property": "poster",
                "type": "image",
                "mime_type": None,
                "filename": None,
                "size_bytes": None,
                "sha256": None,
                "url": "https://example.com/m.txt",
            },
        ],
    }


def test_the_fields_that_the_hook_returns_are_returned(run: Run) -> None:
    assert run("nothing") == {}
    assert run("proxy") == {"a": [1, 2]}
    value: dict[str, Any] = {"text": "Größe \u2028", "list": [{}, [], None, True, -1, 1e300], "deep": {"a": {"b": {}}}}
    assert run("echo", value=value) == value
    assert run("echo", value={"text": "x" * 290_000}) == {"text": "x" * 290_000}


def test_one_process_runs_all_items(run: Run) -> None:
    assert run("pid") == run("pid") != {"pid": os.getpid()}


@pytest.mark.parametrize(
    ("act", "category", "text"),
    [
        ("transient", "dependency", "the catalog is busy, ask again with sk_…"),
        ("permanent", "validation", "no title"),
        ("connection_error", "network", "ConnectionResetError: peer"),
        ("permission_error", "authentication", "PermissionError: denied"),
        ("memory_error", "resource", "MemoryError: "),
        ("os_error", "runtime", "OSError: [Errno 28] No space left on device"),
        ("unprintable", "runtime", "Unprintable"),
        ("base_exception", "runtime", "BaseException: base"),
        ("system_exit", "runtime", "SystemExit: 3"),
        ("keyboard_interrupt", "runtime", "KeyboardInterrupt: "),
        ("generator_exit", "runtime", "GeneratorExit: "),
        ("surrogate_message", "runtime", "ValueError: ?"),
        ("recursion", "runtime", "RecursionError: maximum recursion depth exceeded"),
        ("unknown", "runtime", "KeyError: 'unknown'"),
    ],
)
def test_an_exception_is_a_failure_with_a_category(run: Run, act: str, category: str, text: str) -> None:
    found = failure(run, act)
    assert found[0] == category
    assert found[1].startswith(text.rstrip(": "))
    assert "\n" not in found[1]
    assert run("nothing") == {}


@pytest.mark.parametrize(
    ("act", "text"),
    [
        ("list", "type list, not a mapping"),
        ("generator", "type generator, not a mapping"),
        ("bytes", "'made_at' that is not JSON: Object of type bytes"),
        ("time", "'made_at' that is not JSON: Object of type datetime"),
        ("nan", "'value' that is not JSON"),
        ("circular", "'circular' that is not JSON"),
        ("deep", "'deep' that is not JSON"),
        ("number_keys", "name is of the type int"),
        ("surrogate", "not accepted: The body is not UTF-8"),
        ("long_number", "not accepted: The number 1000"),
        ("same_key_twice", "not accepted: The key '1' is given twice"),
        ("huge", "400012 bytes of fields; the maximum is 350000"),
    ],
)
def test_a_result_that_an_object_cannot_have_is_a_failure_that_says_why(run: Run, act: str, text: str) -> None:
    category, found = failure(run, act)
    assert category == "runtime"
    assert text in found
    assert run("nothing") == {}


def test_a_process_that_ran_out_of_memory_is_replaced(new_hook: NewHook) -> None:
    run = Run(new_hook())
    first = run("pid")
    assert failure(run, "eats_memory") == ("resource", "MemoryError: ") or failure(run, "eats_memory")[0] == "resource"
    assert run("pid") != first


def test_the_hook_may_change_its_folder_and_its_search_path(new_hook: NewHook) -> None:
    run, here = Run(new_hook()), os.getcwd()
    assert run("moves") == {"folder": "/"}
    assert run("nothing") == {}
    assert os.getcwd() == here


def test_a_file_is_read_as_a_whole(new_hook: NewHook, store_file: StoreFile) -> None:
    run = Run(new_hook())
    assert run("word_count", store_file(b"A city in the future.")) == {"words": 5}
    assert run("word_count", store_file(b"")) == {"words": 0}
    assert run("word_count", store_file(b"word " * 500_000)) == {"words": 500_000}


def test_a_large_file_is_read_in_pieces(new_hook: NewHook, store_file: StoreFile) -> None:
    found = Run(new_hook())("in_pieces", store_file(bytes(20_000_000)))
    assert found["length"] == 20_000_000
    assert found["grown"] < 8_000_000


def test_a_file_can_be_read_from_any_position_and_by_several_threads(new_hook: NewHook, store_file: StoreFile) -> None:
    run, file = Run(new_hook()), store_file(b"0123456789" * 200_000)
    assert run("seeks", file) == {"size": 2_000_000, "start": "234", "end": "6789", "after": True}
    assert run("reads_in_threads", file) == {"found": [2_000_000] * 4}


def test_a_file_cannot_be_read_after_the_hook_has_returned(
    new_hook: NewHook, store_file: StoreFile, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(new_hook())
    run("reads_too_late", store_file(b"x"))
    assert run("sleeps", seconds=0.7) == {"slept": True}
    assert "late: the item of this file has ended" in capfd.readouterr().err


def test_a_file_that_cannot_be_read_is_a_failure_that_names_its_field(new_hook: NewHook) -> None:
    run = Run(new_hook())
    missing = "The file of the field 'review' is not in the storage"
    assert failure(run, "word_count", new_file(size_bytes=3)) == ("validation", missing)
    assert run("catches_a_missing_file", new_file(size_bytes=3)) == {"caught": missing}
    category, text = failure(run, "word_count", new_reference())
    assert category == "validation"
    assert text == "The file of the field 'poster' is kept by reference: read it from its URL"
