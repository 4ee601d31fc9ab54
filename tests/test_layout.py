"""What no unit test sees: the rules of the house, which docs/architecture.md describes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from chalicelib.api import all_operations, create_app
from chalicelib.wiring import services

ROOT = Path(__file__).parent.parent
# The packages and modules of `chalicelib` in dependency order: each may import from those before it.
ORDER = [
    "core",
    "settings",
    "aws",
    "keys",
    "http",
    "openapi",
    "listing",
    "access",
    "tasks",
    "stats",
    "namespaces",
    "schemas",
    "adapters",
    "buckets",
    "blobs",
    "objects",
    "deletion",
    "health",
    "services",
    "local",
    "wiring",
    "api",
    "admin",
]
# Modules that only their own package uses, and those that put everything together.
PRIVATE = {"store", "routes"}
ASSEMBLING = {"services", "wiring", "api", "admin", "local"}
SOURCES = sorted((ROOT / "chalicelib").rglob("*.py"))


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in SOURCES}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports: at its top, inside a function, or for types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & MODULES.keys()
            yield from submodules
            if submodules != names:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def own_imports(path: Path) -> set[str]:
    """The modules of `chalicelib` that a file imports."""
    return {module for module in imports(path) if module.partition(".")[0] == "chalicelib"} - {"chalicelib"}


def package(module: str) -> str:
    """The package, or the module at the top, that a module of `chalicelib` belongs to."""
    return module.split(".")[1]


def users(*libraries: str) -> set[str]:
    """The modules that import one of these libraries."""
    return {name for name, path in MODULES.items() if {each.partition(".")[0] for each in imports(path)} & {*libraries}}


def test_every_package_has_a_place_in_the_order() -> None:
    assert {package(name) for name in MODULES if name != "chalicelib"} == {*ORDER}


def test_packages_import_only_from_those_before_them() -> None:
    upward = [
        f"{name} imports {module}"
        for name, path in MODULES.items()
        for module in own_imports(path)
        if ORDER.index(package(module)) > ORDER.index(package(name))
    ]
    assert upward == []


def test_stores_and_routes_are_imported_by_their_own_package_only() -> None:
    intruding = [
        f"{name} imports {module}"
        for name, path in MODULES.items()
        for module in own_imports(path)
        if name != "chalicelib"
        and package(name) not in ASSEMBLING | {package(module)}
        and PRIVATE & {*module.split(".")[2:3]}
    ]
    assert intruding == []


def test_no_files_import_each_other_in_a_cycle() -> None:
    graph = {name: own_imports(path) & MODULES.keys() for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these modules import each other: {error.args[1]}")


def test_only_the_http_layer_and_the_local_server_know_chalice() -> None:
    allowed = re.compile(r"chalicelib\.(api|http\..*|local\.(__main__|server\..*))")
    assert [name for name in sorted(users("chalice")) if not allowed.fullmatch(name)] == []


def test_only_aws_and_the_embedded_engine_know_the_aws_sdk() -> None:
    allowed = re.compile(r"chalicelib\.(aws|local)\..*")
    assert [name for name in sorted(users("boto3", "botocore")) if not allowed.fullmatch(name)] == []


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
    allowed = re.compile(r"chalicelib\.(settings|wiring|aws\.clients|admin\.services|local\..*)")
    readers = [name for name, path in MODULES.items() if "environ" in path.read_text()]
    assert [name for name in readers if not allowed.fullmatch(name)] == []
