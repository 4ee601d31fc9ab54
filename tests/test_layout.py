"""The rules for imports and names that docs/architecture.md describes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from chalicelib.api import all_operations, create_app
from chalicelib.wiring import services

ROOT = Path(__file__).parent.parent
# The packages and modules of `chalicelib` in dependency order. Each may import only from earlier ones.
ORDER = [
    "core",
    "settings",
    "aws",
    "outbound",
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
    "mirroring",
    "processing",
    "batches",
    "events",
    "deliveries",
    "uploads",
    "deletion",
    "health",
    "services",
    "local",
    "connections",
    "stream_wiring",
    "wiring",
    "api",
    "admin",
]
# Modules that only their own package may import, and the packages and modules that assemble the application.
PRIVATE = {"store", "routes"}
ASSEMBLY = {"services", "stream_wiring", "wiring", "api", "admin", "local"}
SOURCES = sorted((ROOT / "chalicelib").rglob("*.py"))


def module_of(path: Path) -> str:
    """Returns the dotted module name of a source file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in SOURCES}


@cache
def imports(path: Path) -> frozenset[str]:
    """Returns every module that a file imports: at its top, inside a function, or for types only."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
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
    """Returns the modules of `chalicelib` that a file imports."""
    return {module for module in imports(path) if module.partition(".")[0] == "chalicelib"} - {"chalicelib"}


def package(module: str) -> str:
    """Returns the top-level package or module of `chalicelib` that contains this module."""
    return module.split(".")[1]


def modules_that_import(*libraries: str) -> set[str]:
    """Returns the modules that import one of these libraries."""
    return {name for name, path in MODULES.items() if {each.partition(".")[0] for each in imports(path)} & {*libraries}}


def test_every_package_has_a_position_in_the_dependency_order() -> None:
    assert {package(name) for name in MODULES if name != "chalicelib"} == {*ORDER}


def test_packages_import_only_from_packages_earlier_in_the_order() -> None:
    violations = [
        f"{name} imports {module}"
        for name, path in MODULES.items()
        for module in own_imports(path)
        if ORDER.index(package(module)) > ORDER.index(package(name))
    ]
    assert violations == []


def test_stores_and_routes_are_imported_by_their_own_package_only() -> None:
    violations = [
        f"{name} imports {module}"
        for name, path in MODULES.items()
        for module in own_imports(path)
        if name != "chalicelib"
        and package(name) not in ASSEMBLY | {package(module)}
        and PRIVATE & {*module.split(".")[2:3]}
    ]
    assert violations == []


def test_no_files_import_each_other_in_a_cycle() -> None:
    graph = {name: own_imports(path) & MODULES.keys() for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these modules import each other: {error.args[1]}")


def test_only_the_http_layer_and_the_local_server_import_chalice() -> None:
    allowed = re.compile(r"chalicelib\.(api|http\..*|local\.server\..*)")
    assert [name for name in sorted(modules_that_import("chalice")) if not allowed.fullmatch(name)] == []


def test_only_aws_and_the_embedded_engine_import_the_aws_sdk() -> None:
    allowed = re.compile(r"chalicelib\.(aws|local)\..*")
    assert [name for name in sorted(modules_that_import("boto3", "botocore")) if not allowed.fullmatch(name)] == []


def test_importing_app_needs_no_environment_and_does_not_import_large_libraries() -> None:
    program = "import app, sys; print([m for m in ('botocore.session', 'pydantic', 'moto') if m in sys.modules])"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# What a process imports that handles no request for a batch, runs none and sends no request to other servers.
DECLARATIONS_OF_BATCHES = {
    "chalicelib.batches",
    "chalicelib.batches.errors",
    "chalicelib.batches.organization_routes",
    "chalicelib.batches.routes",
    "chalicelib.batches.run_routes",
    "chalicelib.outbound",
    "chalicelib.outbound.signatures",
}
REQUESTS = """
import sys
from tests.support.engine import new_client, new_tables, no_s3
from tests.support.world import bucket_body, new_world
from chalicelib.local.moto.backends import Backends

client = new_client(Backends())
api = new_world(client, new_tables(client), no_s3, "").api()
assert api.post("/v1/buckets", bucket_body()).status == 200
assert api.post("/v1/buckets/posters/objects", {"title": "M"}).status == 200
for path in ("/v1/buckets", "/v1/buckets/posters", "/v1/buckets/posters/objects", "/v1/namespaces/films"):
    assert api.get(path).status == 200
packages = ("chalicelib.batches", "chalicelib.outbound", "chalicelib.processing")
print(*sorted(name for name in sys.modules if name.startswith(packages)))
"""


def output_of(program: str) -> str:
    """Runs a program in a new process with test credentials, and returns what it prints."""
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


STREAM_RECORDS = """
import sys
from tests.support.engine import new_client, new_tables, no_s3
from tests.support.world import new_world
from chalicelib.local.moto.backends import Backends

client = new_client(Backends())
new_world(client, new_tables(client), no_s3, "").services.change_feed()
unused = ("chalicelib.batches.wiring", "chalicelib.batches.service", "chalicelib.events", "chalicelib.aws.event_buses")
print([name for name in unused if name in sys.modules])
"""


def test_the_handler_of_stream_records_imports_neither_services_of_batches_nor_events_without_a_bus() -> None:
    assert output_of(STREAM_RECORDS) == "[]"


def test_a_request_that_concerns_no_batch_imports_only_the_declarations_of_batches() -> None:
    assert set(output_of(REQUESTS).split()) == DECLARATIONS_OF_BATCHES


def test_a_request_for_a_bucket_or_an_object_imports_no_expensive_dataclasses() -> None:
    """`core.record` replaces frozen dataclasses without other options. Only the test imports the embedded engine."""
    imported = output_of(REQUESTS.replace("packages = (", 'packages = ("chalicelib.", ')).split()
    own = [name for name in imported if not name.startswith("chalicelib.local")]
    assert len(own) > 100
    expensive = re.compile(r"^@dataclass\(frozen=True(, slots=True)?\)$", re.MULTILINE)
    assert [name for name in own if expensive.search(MODULES[name].read_text())] == []


def test_creating_an_application_does_not_change_the_environment() -> None:
    before = dict(os.environ)
    create_app(services)
    assert dict(os.environ) == before


def test_a_position_in_a_path_has_one_variable_name() -> None:
    names: dict[str, set[str]] = {}
    for operation in all_operations(services):
        for found in re.finditer(r"{(\w+)}", operation.path):
            names.setdefault(operation.path[: found.start()], set()).add(found.group(1))
    assert {position: found for position, found in names.items() if len(found) > 1} == {}


def test_operation_names_are_unique() -> None:
    names = [operation.name for operation in all_operations(services)]
    assert len(names) == len(set(names))


def test_only_settings_modules_and_the_embedded_engine_read_the_environment() -> None:
    allowed = re.compile(r"chalicelib\.(settings|wiring|aws\.clients|admin\.services|local\..*)")
    readers = [name for name, path in MODULES.items() if "environ" in path.read_text()]
    assert [name for name in readers if not allowed.fullmatch(name)] == []
