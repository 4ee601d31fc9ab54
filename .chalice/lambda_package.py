"""Completes and checks the output of `chalice package`: `python .chalice/lambda_package.py build/package`.

Chalice puts all of `chalicelib` into the zip file, including caches. This script removes files that the functions do
not use, and adds bytecode: the file system of a Lambda function is read-only, so without bytecode each cold start
compiles all sources. It fails if a required file is missing, if a forbidden file is present, or if `app.py` cannot be
imported.
"""

from __future__ import annotations

import compileall
import importlib.util
import json
import platform
import py_compile
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

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


class PackageInvalid(Exception):
    """The package must not be deployed. The message says why."""


def finish(folder: Path) -> str:
    """Completes and checks the package in this folder, and returns a summary line. Raises PackageInvalid."""
    runtime = runtime_of(json.loads((folder / "sam.json").read_text()))
    archive = folder / "deployment.zip"
    with tempfile.TemporaryDirectory() as unpacked:
        root = Path(unpacked)
        unpack(archive, root)
        compile_sources(root, runtime)
        pack(root, archive)
        found = problems(archive, runtime)
        if not found and can_load():
            found = import_problems(root)
    if found:
        raise PackageInvalid("; ".join(found))
    return f"{archive}: {archive.stat().st_size / 1e6:.2f} MB for {runtime}"


def runtime_of(template: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    """Returns the Python runtime of the functions in the template, such as `python3.11`. All have the same."""
    functions = (r for r in template["Resources"].values() if str(r.get("Type")) == "AWS::Serverless::Function")
    (runtime,) = {function["Properties"]["Runtime"] for function in functions}
    return runtime


def unpack(archive: Path, root: Path) -> None:
    """Extracts the files that the functions use."""
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(root, [name for name in zipped.namelist() if not EXCLUDED.match(name)])


def compile_sources(root: Path, runtime: str) -> None:
    """Adds bytecode next to each source file. It is unchecked (PEP 552): Python does not compare it with the source."""
    if runtime != f"python{sys.version_info.major}.{sys.version_info.minor}":
        raise PackageInvalid(f"Python {sys.version} cannot compile for {runtime}")
    compileall.compile_dir(
        root,
        quiet=2,  # packages may contain sources for other Python versions, which cannot be compiled
        stripdir=str(root),
        prependdir=LAMBDA_ROOT,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def pack(root: Path, archive: Path) -> None:
    """Creates a reproducible zip file: sorted, with fixed timestamps, and readable by all users."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), FIXED_TIMESTAMP)
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def problems(archive: Path, runtime: str) -> list[str]:
    """Returns the problems with the contents and the size of the zip file."""
    with zipfile.ZipFile(archive) as zipped:
        entries = zipped.infolist()
    names, vendored = {entry.filename for entry in entries}, vendored_names()
    unpacked = sum(entry.file_size for entry in entries)
    size = sum(entry.compress_size for entry in entries if entry.filename.partition("/")[0] not in vendored)
    found = [f"{name} is missing" for name in required_files(runtime) if name not in names]
    found += [f"{name} must not be in it" for name in sorted(names) if FORBIDDEN.match(name)]
    if size > MAX_PACKAGE_BYTES:
        found.append(f"it has {size:,} bytes, more than {MAX_PACKAGE_BYTES:,}, without the packages in vendor")
    if unpacked > MAX_UNPACKED_BYTES:
        found.append(f"it has {unpacked:,} bytes unpacked, and Lambda accepts at most {MAX_UNPACKED_BYTES:,}")
    return found


def vendored_names() -> set[str]:
    """Returns the names of the files and folders in the folder `vendor`."""
    return {path.name for path in VENDOR.iterdir()} if VENDOR.is_dir() else set()


def required_files(runtime: str) -> Iterator[str]:
    """Yields the files that the functions require, including the compiled part of pydantic for Linux on x86-64."""
    yield from ("app.py", "chalice/app.py", "chalicelib/__init__.py", "chalicelib/api.py", "pydantic/main.py")
    yield "filetype/filetype.py"  # imported on first use, so the import of the app does not detect its absence
    abi = runtime.removeprefix("python").replace(".", "")
    yield f"pydantic_core/_pydantic_core.cpython-{abi}-x86_64-linux-gnu.so"


def can_load() -> bool:
    """Returns whether this machine can load the compiled modules for Lambda."""
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def import_problems(root: Path) -> list[str]:
    """Imports app.py with only the package, the AWS SDK and the standard library, and returns the problems."""
    with tempfile.TemporaryDirectory() as runtime:
        for name in SDK:
            link(name, Path(runtime))
        code = f"import sys; sys.path[:0] = [{str(root)!r}, {runtime!r}]; import app; app.app"
        python = [sys.executable, "-I", "-S", "-B", "-c", code]
        done = subprocess.run(python, capture_output=True, text=True, check=False, env={})
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
