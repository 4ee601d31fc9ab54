"""A program that tries to get at the data of a local server as another user of the machine.

It reads a JSON document from its input: `user` and `group` are numeric ids, `files` and `folders` are paths, `requests`
has lists of port, method, path, headers and body. It writes what it got to its output.

It drops its privileges itself, because the user may be unable to run the Python of the tests.
"""

import http.client
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

SECONDS = 20.0


def attempted(action: Callable[[str], Any], paths: list[str]) -> dict[str, Any]:
    """Returns the result of the action for each path, or None where the operating system refuses it."""
    results = dict.fromkeys(paths)
    for path in paths:
        with suppress(OSError):
            results[path] = action(path)
    return results


def read(path: str) -> str:
    """Returns the content of a file as text."""
    with open(path, "rb") as file:
        return file.read().decode("latin-1")


def change(path: str) -> str:
    """Opens a file for writing, without changing it."""
    with open(path, "r+b"):
        return "opened"


def add_file(folder: str) -> str:
    """Creates a file in a folder, and removes it."""
    path = os.path.join(folder, "other-user")
    with open(path, "xb"):
        os.unlink(path)
    return "created"


def send(port: int, method: str, path: str, headers: dict[str, str], body: str) -> tuple[int, str]:
    """Sends a request to this machine, and returns the status and the body of the response."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request(method, path, body.encode(), headers)
        response = connection.getresponse()
        return response.status, response.read().decode("latin-1")


def main() -> None:
    """Becomes the other user, and tries everything."""
    plan = json.load(sys.stdin)
    os.chdir("/")
    "".encode("idna")  # loads what http.client imports later
    if plan["user"] != os.getuid():
        os.setgroups([])
        os.setresgid(*[plan["group"]] * 3)
        os.setresuid(*[plan["user"]] * 3)
    got = {
        "ids": [*os.getresuid(), *os.getresgid(), *os.getgroups()],
        "files": attempted(read, plan["files"]),
        "changed": attempted(change, plan["files"]),
        "folders": attempted(os.listdir, plan["folders"]),
        "added": attempted(add_file, plan["folders"]),
        "responses": [send(*request) for request in plan["requests"]],
    }
    json.dump(got, sys.stdout)


if __name__ == "__main__":
    main()
