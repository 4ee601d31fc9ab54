"""The Lambda hook, with a server that responds as Lambda does."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from chalicelib.aws.clients import lambda_client
from chalicelib.aws.functions import FunctionClient
from chalicelib.blobs.blob import Blob
from chalicelib.blobs.service import Blobs
from chalicelib.processing.lambda_hook import LambdaHook
from chalicelib.processing.processor import ProcessingFailed
from chalicelib.settings import Settings
from tests.processing.support import CONTEXT, new_file, new_object, new_reference
from tests.support.ports import free_port

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:hook:live"


@dataclass
class FakeLambda:
    """The next response of the server, and the requests that it received."""

    status: int = 200
    body: bytes = b"null"
    headers: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    def responds(self, body: Any, *, status: int = 200, **headers: str) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.headers = status, {name.replace("_", "-"): value for name, value in headers.items()}

    def reset(self) -> None:
        """Responds with null again."""
        self.responds(None)
        self.wait_seconds = 0.0
        self.requests.clear()

    def fails(self, error: Any) -> None:
        """Responds as for an exception of the function."""
        self.responds(error, X_Amz_Function_Error="Unhandled")

    def rejects(self, status: int, code: str) -> None:
        """Responds as for an error of Lambda itself."""
        self.responds({"message": "no"}, status=status, x_amzn_ErrorType=code)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeLambda]:
    """The server of all tests, because building a client takes longer than a test."""
    fake = FakeLambda()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fake.requests.append((unquote(self.path), self.headers["X-Amz-Invocation-Type"], json.loads(body)))
            time.sleep(fake.wait_seconds)
            self.send_response(fake.status)
            for name, value in {**fake.headers, "Content-Length": str(len(fake.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(fake.body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.server_port}")
            yield fake
        server.shutdown()
        thread.join()


@pytest.fixture
def fake(server: FakeLambda) -> FakeLambda:
    server.reset()
    return server


@pytest.fixture(scope="module")
def client(server: FakeLambda) -> FunctionClient:
    return lambda_client(Settings(processor=ARN), 10)


@pytest.fixture
def new_hook(blobs: Blobs) -> Callable[[float], LambdaHook]:
    return lambda seconds: LambdaHook(ARN, lambda: lambda_client(Settings(processor=ARN), seconds), blobs, seconds)


@pytest.fixture
def hook(blobs: Blobs, client: FunctionClient, fake: FakeLambda) -> LambdaHook:
    return LambdaHook(ARN, lambda: client, blobs, 10)


def failure(hook: LambdaHook, *files: Blob, **fields: Any) -> tuple[str, str]:
    with pytest.raises(ProcessingFailed) as raised:
        hook.process(new_object(*files, **fields), CONTEXT)
    return raised.value.category, raised.value.text


def test_the_function_receives_the_item_with_download_urls(hook: LambdaHook, fake: FakeLambda) -> None:
    files = (new_file(size_bytes=3), new_file(storage_class="archive"), new_reference())
    assert hook.process(new_object(*files, title="M"), CONTEXT) == {}
    ((path, kind, sent),) = fake.requests
    assert path == f"/2015-03-31/functions/{ARN}/invocations"
    assert kind == "RequestResponse"
    assert sent["deadline"] == pytest.approx(time.time() + 10, abs=5)
    assert {name: value for name, value in sent.items() if name not in ("files", "deadline")} == {
        "object_id": "obj_1",
        "bucket_id": "bkt_1",
        "namespace_id": "ns_1",
        "batch_id": "btch_1",
        "fields": {"title": "M"},
        "metadata": {"campaign_id": "spring"},
        "attempt": 2,
    }
    stored, archived, reference = sent["files"]
    assert "X-Amz-Signature" in stored["download_url"]
    assert stored["url"] is archived["download_url"] is reference["download_url"] is None
    assert reference["url"] == "https://example.com/m.txt"


def test_the_fields_in_the_response_are_returned(hook: LambdaHook, fake: FakeLambda) -> None:
    fake.responds({"fields": {"words": 5, "ä": [None]}})
    assert hook.process(new_object(), CONTEXT) == {"words": 5, "ä": [None]}
    fake.responds(None)
    assert hook.process(new_object(), CONTEXT) == {}
    hook.close()


@pytest.mark.parametrize(
    ("error", "category", "text"),
    [
        ({"type": "transient", "message": "busy"}, "dependency", "busy"),
        ({"type": "permanent", "message": "no title\nmore"}, "validation", "no title"),
        ({"type": "resource"}, "resource", "The function failed"),
        ({"type": "sad", "message": "x"}, "runtime", "without a type of transient, permanent, resource"),
        ({"type": ["transient"]}, "runtime", "without a type"),
        ("busy", "runtime", "without a type"),
    ],
)
def test_an_error_in_the_response_is_a_failure(
    hook: LambdaHook, fake: FakeLambda, error: Any, category: str, text: str
) -> None:
    fake.responds({"error": error})
    found = failure(hook)
    assert found[0] == category
    assert text in found[1]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not accepted"),
        (b"{", "not accepted"),
        (b'{"fields": {"a": NaN}}', "NaN is not JSON"),
        (b"[" * 90_000, "not accepted"),
        (b"[]", "neither null nor"),
        (b'{"words": 5}', "neither null nor"),
        (b'{"fields": []}', "neither null nor"),
        (b'{"fields": {}, "error": {}}', "neither null nor"),
        (b'"' + b"x" * 400_000 + b'"', "the maximum is 350000"),
    ],
)
def test_another_response_is_a_failure(hook: LambdaHook, fake: FakeLambda, body: bytes, text: str) -> None:
    fake.responds(body)
    found = failure(hook)
    assert found[0] == "runtime"
    assert text in found[1]


@pytest.mark.parametrize(
    ("error", "category", "text"),
    [
        ({"errorType": "Transient", "errorMessage": "busy"}, "dependency", "busy"),
        ({"errorType": "Permanent", "errorMessage": "no title"}, "validation", "no title"),
        ({"errorType": "com.studio.Transient", "errorMessage": "busy"}, "dependency", "com.studio.Transient: busy"),
        ({"errorType": "ConnectionError", "errorMessage": "reset"}, "network", "ConnectionError: reset"),
        ({"errorType": "Runtime.OutOfMemory", "errorMessage": "x"}, "resource", "Runtime.OutOfMemory: x"),
        ({"errorType": "Sandbox.Timedout", "errorMessage": "x"}, "resource", "Sandbox.Timedout: x"),
        ({"errorMessage": "2026-01-01 Task timed out after 3.00 seconds"}, "resource", "Task timed out"),
        ({"errorType": "Runtime.ExitError", "errorMessage": "exited: signal: killed"}, "resource", "killed"),
        ({"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}, "runtime", "exit status 1"),
        ({"errorType": "KeyError", "errorMessage": "'a'", "stackTrace": ["x"]}, "runtime", "KeyError: 'a'"),
        ({"errorType": 7, "errorMessage": None}, "runtime", "7"),
        ([], "runtime", "The function failed"),
        (b"not JSON", "runtime", "The function failed"),
    ],
)
def test_an_exception_of_the_function_is_a_failure(
    hook: LambdaHook, fake: FakeLambda, error: Any, category: str, text: str
) -> None:
    fake.fails(error)
    found = failure(hook)
    assert found[0] == category
    assert text in found[1]


@pytest.mark.parametrize(
    ("status", "code", "category"),
    [
        (429, "TooManyRequestsException", "dependency"),
        (500, "ServiceException", "dependency"),
        (502, "EC2ThrottledException", "dependency"),
        (502, "KMSAccessDeniedException", "authentication"),
        (403, "AccessDeniedException", "authentication"),
        (403, "UnrecognizedClientException", "authentication"),
        (404, "ResourceNotFoundException", "runtime"),
        (413, "RequestTooLargeException", "runtime"),
    ],
)
def test_an_error_of_lambda_is_a_failure_and_the_call_is_not_repeated(
    hook: LambdaHook, fake: FakeLambda, status: int, code: str, category: str
) -> None:
    fake.rejects(status, code)
    assert failure(hook) == (category, f"The function cannot be called: Lambda responded with {code}")
    assert len(fake.requests) == 1


def test_a_function_that_does_not_respond_is_a_failure_and_is_not_called_again(
    new_hook: Callable[[float], LambdaHook], fake: FakeLambda
) -> None:
    fake.wait_seconds = 0.6
    found = failure(new_hook(0.2))
    assert found == ("resource", "The function did not respond within 0.2 seconds")
    assert len(fake.requests) == 1


def test_an_address_that_cannot_be_reached_is_a_failure(
    new_hook: Callable[[float], LambdaHook], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{free_port()}")
    assert failure(new_hook(1))[0] == "network"


def test_missing_credentials_are_a_failure(
    new_hook: Callable[[float], LambdaHook], fake: FakeLambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert failure(new_hook(1)) == ("authentication", "The function cannot be called: NoCredentialsError")


def test_an_item_beyond_the_limit_of_lambda_is_a_failure(hook: LambdaHook, fake: FakeLambda) -> None:
    category, text = failure(hook, title="x" * 6_300_000)
    assert category == "resource"
    assert "Lambda accepts 6291456" in text
    assert fake.requests == []


def test_the_client_uses_the_region_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_LAMBDA", raising=False)
    client: Any = lambda_client(Settings(processor=ARN), 60)
    assert client.meta.endpoint_url == "https://lambda.eu-west-1.amazonaws.com"
    assert client.meta.config.read_timeout == 60
