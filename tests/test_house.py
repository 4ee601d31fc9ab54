"""What no unit test sees: the rules of the house, which docs/architecture.md describes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.api import all_operations, create_app
from chalicelib.wiring import services

ROOT = Path(__file__).parent.parent
STREET = ["foundation", "access", "stats", "namespaces", "tasks", "buckets", "objects", "deletion"]
BESIDE = {"health", "openapi"}
SOURCES = sorted((ROOT / "chalicelib").rglob("*.py"))
PRIVATE = ("store", "routes")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "chalicelib" else ""


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.parent.name in STREET], ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_rooms_import_from_their_left_and_no_stores_or_routes(path: Path) -> None:
    own = path.parent.name
    for module in imports(path):
        other = room(module)
        if other in ("", own):
            continue
        assert other in STREET[: STREET.index(own)], f"{own} imports {module}"
        assert module.split(".")[2:3] not in ([private] for private in PRIVATE), f"{own} imports {module}"


@pytest.mark.parametrize("room_", sorted(BESIDE))
def test_rooms_beside_the_street_know_no_other_room(room_: str) -> None:
    for path in (ROOT / "chalicelib" / room_).glob("*.py"):
        assert {room(module) for module in imports(path)} <= {"", room_, "foundation"}, path


def test_chalice_is_known_at_the_doors_only() -> None:
    doors = {"api.py", "endpoint.py"}
    users = {
        p.name for p in SOURCES if p.parent.name != "local" and any(m.split(".")[0] == "chalice" for m in imports(p))
    }
    assert users <= doors


def test_the_sdk_of_aws_is_known_to_clients_and_the_table_only() -> None:
    allowed = {"clients.py", "table.py", "retrying.py", "writing.py", "wiring.py"}
    users = {
        p.name
        for p in SOURCES
        if p.parent.name not in ("local", "administration")
        and any(m.split(".")[0] in ("boto3", "botocore") for m in imports(p))
    }
    assert users <= allowed


def test_importing_the_front_door_without_an_environment_does_nothing_but_declare() -> None:
    program = "import app, sys; print([m for m in ('botocore.session', 'pydantic', 'moto') if m in sys.modules])"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_application_leaves_the_environment_alone() -> None:
    before = dict(os.environ)
    create_app(services)
    assert dict(os.environ) == before


def test_two_path_variables_never_share_a_position() -> None:
    names: dict[str, set[str]] = {}
    for operation in all_operations(services):
        for found in re.finditer(r"{(\w+)}", operation.path):
            names.setdefault(operation.path[: found.start()], set()).add(found.group(1))
    assert {place: found for place, found in names.items() if len(found) > 1} == {}


def test_operations_are_named_once() -> None:
    names = [operation.name for operation in all_operations(services)]
    assert len(names) == len(set(names))


def test_settings_come_from_nowhere_but_the_settings() -> None:
    readers = {p.name for p in SOURCES if p.parent.name != "local" and "environ" in p.read_text()}
    assert readers <= {"settings.py", "wiring.py", "clients.py"}
