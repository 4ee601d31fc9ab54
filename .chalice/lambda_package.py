"""Completes and checks the output of `deployment.packaging`: `python .chalice/lambda_package.py build/package`.

Chalice puts all of `chalicelib` into the zip file, including caches. This script removes files that the functions do
not use, and adds bytecode: the file system of a Lambda function is read-only, so without bytecode each cold start
compiles all sources. It fails if a required file is missing, if a forbidden file is present, or if `app.py` cannot be
imported. Bytecode and the import need a Python of the version of the runtime; without one, the script says so.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The maximum size of the zip file without the packages in `vendor`, and the maximum of Lambda for all files unpacked.
MAX_PACKAGE_BYTES = 6_000_000
MAX_UNPACKED_BYTES = 262_144_000
# Chalice puts the contents of this folder at the root of the zip file.
VENDOR = Path(__file__).parents[1] / "vendor"
# Also what no code imports: pydantic's copy of its version 1, its plugin for mypy, and lists of the components of
# compiled modules.
EXCLUDED = re.compile(
    r"chalicelib/(local|admin)/|(.*/)?__pycache__/|.*\.py[co]$|bin/|pydantic/(v1/|mypy\.py$)|[^/]*\.dist-info/sboms/"
)
FORBIDDEN = re.compile(r"(boto3|botocore|jmespath|moto|pytest|tests|bench|deployment|chalicelib/(local|admin))/")
# Lambda unpacks the zip file here. The file names in tracebacks have this prefix.
LAMBDA_ROOT = "/var/task"
# The AWS SDK and its dependencies, which each Python runtime of Lambda includes.
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
FIXED_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
# Architectures of Lambda, and their names in the file names of compiled modules.
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


class PackageInvalid(Exception):
    """The package must not be deployed. The message says why."""


def finish(folder: Path) -> str:
    """Completes and checks the package in this folder, and returns a summary line. Raises PackageInvalid."""
    runtime, architecture = target_of(json.loads((folder / "sam.json").read_text()))
    archive, python = folder / "deployment.zip", python_of(runtime)
    with tempfile.TemporaryDirectory() as unpacked:
        root = Path(unpacked)
        unpack(archive, root)
        if python:
            compile_sources(root, python)
        pack(root, archive)
        found = problems(archive, runtime, architecture)
        if not found and python and can_load(architecture):
            found = import_problems(root, python)
    if found:
        raise PackageInvalid("; ".join(found))
    summary = f"{archive}: {archive.stat().st_size / 1e6:.2f} MB for {runtime} on {architecture}"
    return summary if python else f"{summary}, without bytecode, because there is no {runtime}: cold starts are slower"


def target_of(template: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """Returns the Python runtime of the functions in the template, such as `python3.13`, and their architecture.

    All functions have the same.
    """
    functions = (r for r in template["Resources"].values() if str(r.get("Type")) == "AWS::Serverless::Function")
    targets = {(made["Properties"]["Runtime"], *made["Properties"]["Architectures"]) for made in functions}
    ((runtime, architecture),) = targets
    return runtime, architecture


def python_of(runtime: str) -> str | None:
    """Returns the path of a Python of the version of this runtime: the running one, one in PATH, or None."""
    candidates = (sys.executable, shutil.which(runtime))
    return next((found for path in candidates if path and (found := interpreter(path, runtime))), None)


def interpreter(path: str, runtime: str) -> str | None:
    """Returns the path of the interpreter that this program starts, or None if it is not of the runtime's version.

    Version managers have programs in PATH that find the interpreter with the environment, or fail.
    """
    code = "import sys; print('python%s.%s' % sys.version_info[:2], sys.executable)"
    done = subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=False)
    version, _, found = done.stdout.strip().partition(" ")
    return found if version == runtime else None


def unpack(archive: Path, root: Path) -> None:
    """Extracts the files that the functions use."""
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(root, [name for name in zipped.namelist() if not EXCLUDED.match(name)])


def compile_sources(root: Path, python: str) -> None:
    """Adds bytecode next to each source file. It is unchecked (PEP 552): Python does not compare it with the source.

    Raises PackageInvalid if the app has no bytecode afterwards.
    """
    options = ["-qq", "-s", str(root), "-p", LAMBDA_ROOT, "--invalidation-mode", "unchecked-hash"]
    # Packages may contain sources for other Python versions, which cannot be compiled.
    subprocess.run([python, "-I", "-m", "compileall", *options, str(root)], capture_output=True, check=False)
    if (root / "app.py").exists() and not list(root.glob("__pycache__/app.*.pyc")):
        raise PackageInvalid(f"{python} has compiled no bytecode")


def pack(root: Path, archive: Path) -> None:
    """Creates a reproducible zip file: sorted, with fixed timestamps, and readable by all users."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), FIXED_TIMESTAMP)
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def problems(archive: Path, runtime: str, architecture: str) -> list[str]:
    """Returns the problems with the contents and the size of the zip file."""
    with zipfile.ZipFile(archive) as zipped:
        entries = zipped.infolist()
    names, vendored = {entry.filename for entry in entries}, vendored_names()
    unpacked = sum(entry.file_size for entry in entries)
    size = sum(entry.compress_size for entry in entries if entry.filename.partition("/")[0] not in vendored)
    found = [f"{name} is missing" for name in required_files(runtime, architecture) if name not in names]
    found += [f"{name} must not be in it" for name in sorted(names) if FORBIDDEN.match(name)]
    if size > MAX_PACKAGE_BYTES:
        found.append(f"it has {size:,} bytes, more than {MAX_PACKAGE_BYTES:,}, without the packages in vendor")
    if unpacked > MAX_UNPACKED_BYTES:
        found.append(f"it has {unpacked:,} bytes unpacked, and Lambda accepts at most {MAX_UNPACKED_BYTES:,}")
    return found


def vendored_names() -> set[str]:
    """Returns the names of the files and folders in the folder `vendor`."""
    return {path.name for path in VENDOR.iterdir()} if VENDOR.is_dir() else set()


def required_files(runtime: str, architecture: str) -> Iterator[str]:
    """Yields the files that the functions require, including the compiled part of pydantic for their platform."""
    yield from ("app.py", "chalice/app.py", "chalicelib/__init__.py", "chalicelib/api.py", "pydantic/main.py")
    yield "filetype/filetype.py"  # imported on first use, so the import of the app does not detect its absence
    abi = runtime.removeprefix("python").replace(".", "")
    yield f"pydantic_core/_pydantic_core.cpython-{abi}-{MACHINES[architecture]}-linux-gnu.so"


def can_load(architecture: str = "x86_64") -> bool:
    """Returns whether this machine can load the compiled modules for Lambda."""
    return (platform.system(), platform.machine()) == ("Linux", MACHINES[architecture])


def import_problems(root: Path, python: str) -> list[str]:
    """Imports app.py with only the package, the AWS SDK and the standard library, and returns the problems."""
    with tempfile.TemporaryDirectory() as runtime:
        for name in SDK:
            link(name, Path(runtime))
        code = f"import sys; sys.path[:0] = [{str(root)!r}, {runtime!r}]; import app; app.app"
        command = [python, "-I", "-S", "-B", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    last = done.stderr.strip().rpartition("\n")[2]
    return [f"app.py cannot be imported from it: {last}"] if done.returncode else []


def link(name: str, folder: Path) -> None:
    """Makes an installed package or module importable from a folder."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise PackageInvalid(f"{name} is not installed, so the import of the package cannot be checked")
    origin = Path(spec.origin)
    found = origin.parent if spec.submodule_search_locations else origin
    (folder / found.name).symlink_to(found)


def main(folder: str) -> int:
    """Completes and checks the package in a folder. Returns exit code 1 if it must not be deployed."""
    try:
        print(finish(Path(folder)))
    except PackageInvalid as error:
        print(f"{folder}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
