"""Finishes what `chalice package` wrote: `python .chalice/lambda_package.py build/package`.

Chalice zips the whole of `chalicelib`, caches included. Here the zip loses what no Lambda runs, gains
bytecode (the disk of a Lambda cannot be written to, so without it every cold start would compile every
source again), and is refused unless it holds what the function needs, nothing that it must not hold, and
an `app.py` that can be imported from it.
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

LARGEST = 5_000_000
LEFT_OUT = re.compile(r"chalicelib/(local|admin)/|(.*/)?__pycache__/|.*\.py[co]$|bin/")
FORBIDDEN = re.compile(r"(boto3|botocore|moto|pytest|tests|bench|deployment|chalicelib/(local|admin))/")
# Lambda unpacks a zip here; tracebacks then name the files that are there.
UNPACKED = "/var/task"
# What every Python runtime of Lambda brings along, dependencies included.
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
LONG_AGO = (1980, 1, 1, 0, 0, 0)


class PackageWrong(Exception):
    """The package must not be deployed; the message says why."""


def finish(folder: Path) -> str:
    """Finish and check the package in this folder; a line that says what it is, or PackageWrong."""
    runtime = runtime_of(json.loads((folder / "sam.json").read_text()))
    archive = folder / "deployment.zip"
    with tempfile.TemporaryDirectory() as unpacked:
        root = Path(unpacked)
        unpack(archive, root)
        compile_sources(root, runtime)
        pack(root, archive)
        wrong = problems(archive, runtime)
        if not wrong and can_load():
            wrong = import_problems(root)
    if wrong:
        raise PackageWrong("; ".join(wrong))
    return f"{archive}: {archive.stat().st_size / 1e6:.2f} MB for {runtime}"


def runtime_of(template: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    """The one Python runtime of the template's functions, like `python3.11`."""
    functions = (r for r in template["Resources"].values() if str(r.get("Type")) == "AWS::Serverless::Function")
    (runtime,) = {function["Properties"]["Runtime"] for function in functions}
    return runtime


def unpack(archive: Path, root: Path) -> None:
    """Everything in the zip that a Lambda runs."""
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(root, [name for name in zipped.namelist() if not LEFT_OUT.match(name)])


def compile_sources(root: Path, runtime: str) -> None:
    """Bytecode beside every source, never checked against it: both come out of the same zip."""
    if runtime != f"python{sys.version_info.major}.{sys.version_info.minor}":
        raise PackageWrong(f"bytecode for {runtime} cannot be made by {sys.version}")
    compileall.compile_dir(
        root,
        quiet=2,  # a package may carry sources for other Pythons; what is not compiled here still runs
        stripdir=str(root),
        prependdir=UNPACKED,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def pack(root: Path, archive: Path) -> None:
    """Zip the folder: sorted, without the time of day, readable by whoever runs it."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), LONG_AGO)
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def problems(archive: Path, runtime: str) -> list[str]:
    """What is wrong with the contents and the size of the zip."""
    with zipfile.ZipFile(archive) as zipped:
        names = set(zipped.namelist())
    size = archive.stat().st_size
    wrong = [f"{name} is missing" for name in needed(runtime) if name not in names]
    wrong += [f"{name} must not be in it" for name in sorted(names) if FORBIDDEN.match(name)]
    if size > LARGEST:
        wrong.append(f"it has {size:,} bytes, more than {LARGEST:,}")
    return wrong


def needed(runtime: str) -> Iterator[str]:
    """The files without which the function cannot do its work, its compiled core for Lambda's Linux among them."""
    yield from ("app.py", "chalice/app.py", "chalicelib/__init__.py", "chalicelib/api.py", "pydantic/main.py")
    yield "filetype/filetype.py"  # imported when the first file comes, so importing the app would not miss it
    abi = runtime.removeprefix("python").replace(".", "")
    yield f"pydantic_core/_pydantic_core.cpython-{abi}-x86_64-linux-gnu.so"


def can_load() -> bool:
    """Whether this machine can load what was packed for Lambda."""
    return (platform.system(), platform.machine()) == ("Linux", "x86_64")


def import_problems(root: Path) -> list[str]:
    """Import app.py with the zip's contents, the AWS SDK and the standard library, and no more of this machine."""
    with tempfile.TemporaryDirectory() as runtime:
        for name in SDK:
            link(name, Path(runtime))
        code = f"import sys; sys.path[:0] = [{str(root)!r}, {runtime!r}]; import app; app.app"
        python = [sys.executable, "-I", "-S", "-B", "-c", code]
        done = subprocess.run(python, capture_output=True, text=True, check=False, env={})
    last = done.stderr.strip().rpartition("\n")[2]
    return [f"app.py cannot be imported from it: {last}"] if done.returncode else []


def link(name: str, folder: Path) -> None:
    """Make one package or module of this environment importable from a folder."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise PackageWrong(f"{name} is not installed here, so the package cannot be tried")
    origin = Path(spec.origin)
    found = origin.parent if spec.submodule_search_locations else origin
    (folder / found.name).symlink_to(found)


def main(folder: str) -> int:
    """Finish the package in a folder; the exit code says whether it may be deployed."""
    try:
        print(finish(Path(folder)))
    except PackageWrong as wrong:
        print(f"{folder}: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
