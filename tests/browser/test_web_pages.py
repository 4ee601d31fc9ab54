"""Web pages of other sites get nothing from the AWS endpoint of the local server, and change nothing."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.ports import free_pair
from tests.support.running import ServerProcess

PROJECT = Path(__file__).parents[2]
# A name of another site, which resolves to this machine.
REBOUND = "rebound.example"
SECRET = "a-bucket-that-no-page-may-see"
CREDENTIAL = "any/20260101/us-east-1/{service}/aws4_request"
READ = json.dumps({"TableName": "buckets-catalog"})
WRITE = json.dumps({"TableName": "buckets-catalog", "Item": {"pk": {"S": "x"}, "sk": {"S": "x"}}})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    port = free_pair()
    command = [sys.executable, "-m", "chalicelib.local", "--no-autoreload", "--port", str(port)]
    environ: dict[str, Any] = {"BUCKETS_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(PROJECT)}
    started = ServerProcess(command, folder, port, **environ).ready()
    started.create(SECRET)
    yield started
    started.process.terminate()
    started.wait_for_exit()


class EmptyPage(BaseHTTPRequestHandler):
    """Responds to each request with an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Logs nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Returns the URL of another site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = [f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1", "--no-sandbox"]
        opened = playwright.chromium.launch(executable_path=os.environ["BROWSER"], args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """Returns a page of the other site."""
    opened = browser.new_page()
    opened.goto(site)
    yield opened
    opened.close()


@pytest.fixture
def statuses(page: Page, server: ServerProcess) -> list[int]:
    """Returns the statuses of all responses of the AWS endpoint, also of those that the page cannot read."""
    found: list[int] = []
    prefix = f":{server.port + 1}/"
    page.on("response", lambda response: found.append(response.status) if prefix in response.url else None)
    return found


def urls(server: ServerProcess, host: str = "127.0.0.1") -> list[str]:
    """Returns URLs that name a service and an action in the way of a signature."""
    base = f"http://{host}:{server.port + 1}/"
    names = ("dynamodb", "s3", "lambda", "sqs")
    return [base, *(f"{base}?X-Amz-Credential={CREDENTIAL.format(service=name)}" for name in names)]


FETCH = """async ([url, mode, method, body]) => {
    try {
        const response = await fetch(url, {mode, method, body: method === "GET" ? undefined : body});
        return [response.status, await response.text()];
    } catch (error) { return [0, String(error)]; }
}"""


@pytest.mark.parametrize("mode", ["no-cors", "cors"])
@pytest.mark.parametrize(("method", "body"), [("POST", READ), ("POST", WRITE), ("GET", "")])
def test_a_page_of_another_origin_reads_nothing(
    page: Page, server: ServerProcess, statuses: list[int], mode: str, method: str, body: str
) -> None:
    for url in urls(server):
        status, text = page.evaluate(FETCH, [url, mode, method, body])
        assert (status, SECRET in text) == (0, False)
    # The browser does not report responses that it withholds from the page.
    assert len(statuses) == (len(urls(server)) if mode == "no-cors" else 0)
    assert set(statuses) <= {400, 403}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_is_rejected(page: Page, server: ServerProcess, site: str, kind: str) -> None:
    for url in urls(server):
        page.goto(site)
        with page.expect_navigation() as navigation:
            page.evaluate(
                """([url, kind, body]) => {
                    const form = document.createElement("form"), input = document.createElement("input");
                    form.method = "post"; form.action = url; form.enctype = kind;
                    input.name = body; input.value = ""; form.append(input);
                    document.body.append(form); form.submit();
                }""",
                [url, kind, READ],
            )
        response = navigation.value
        assert response.status in (400, 403)
        assert SECRET not in response.text()


def test_a_web_socket_is_rejected(page: Page, server: ServerProcess) -> None:
    opened = page.evaluate(
        """url => new Promise(resolve => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve(true);
            socket.onerror = () => resolve(false);
        })""",
        f"ws://127.0.0.1:{server.port + 1}/",
    )
    assert opened is False


def test_a_page_whose_host_name_resolves_to_this_machine_is_rejected(
    page: Page, server: ServerProcess, statuses: list[int]
) -> None:
    response = page.goto(f"http://{REBOUND}:{server.port + 1}/")
    assert response is not None
    assert response.status == 403
    # The page now has the origin of the endpoint, so that it may read responses.
    for url in urls(server, REBOUND):
        for method, body in (("POST", READ), ("GET", "")):
            status, text = page.evaluate(FETCH, [url, "same-origin", method, body])
            assert (status in (400, 403), SECRET in text) == (True, False)
    assert set(statuses) <= {400, 403}


def test_a_link_to_a_download_url_works(page: Page, server: ServerProcess) -> None:
    schema = {"properties": {"review": {"type": "text"}}}
    assert server.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": schema})[0] == 200
    blob = {"property": "review", "type": "text", "data": "Größe: 5 €"}
    created = server.call("POST", "/v1/buckets/films/objects", {"blobs": [blob]})[1]
    path = f"/v1/buckets/films/objects/{created['object_id']}?return_presigned_urls=true"
    (shown,) = server.call("GET", path)[1]["blobs"]
    page.evaluate(
        """url => {
            const link = document.createElement("a");
            link.href = url; link.id = "link"; link.text = "link";
            document.body.append(link);
        }""",
        shown["presigned_url"],
    )
    with page.expect_navigation() as navigation:
        page.click("#link")
    assert navigation.value.status == 200
    assert page.inner_text("body") == "Größe: 5 €"
    changed = page.goto(shown["presigned_url"].replace("X-Amz-Expires=3600", "X-Amz-Expires=36000"))
    assert changed is not None
    assert changed.status == 403
