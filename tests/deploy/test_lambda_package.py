"""The script .chalice/lambda_package.py completes and checks the zip file."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from chalice.deploy.packager import LambdaDeploymentPackager
from chalice.utils import OSUtils

import lambda_package

RUNTIME, ARCHITECTURE = f"python{sys.version_info.major}.{sys.version_info.minor}", "x86_64"
COMPILED_MODULE = list(lambda_package.required_files(RUNTIME, ARCHITECTURE))[-1]
VALID_FILES = {
    "app.py": "app = 1\n",
    "chalice/app.py": "",
    "chalicelib/__init__.py": "",
    "chalicelib/api.py": "",
    "pydantic/main.py": "",
    "filetype/filetype.py": "",
    COMPILED_MODULE: "",
}


def packaged(folder: Path, files: Mapping[str, str], runtime: str = RUNTIME, architecture: str = ARCHITECTURE) -> Path:
    """Writes a package in the form of the output of `chalice package`."""
    properties = {"Runtime": runtime, "Architectures": [architecture]}
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {}}
    (folder / "sam.json").write_text(json.dumps({"Resources": {"Function": function, "Table": table}}))
    with zipfile.ZipFile(folder / "deployment.zip", "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    return folder


def names_in(folder: Path) -> set[str]:
    with zipfile.ZipFile(folder / "deployment.zip") as zipped:
        return set(zipped.namelist())


def test_files_that_the_functions_do_not_use_are_excluded(tmp_path: Path) -> None:
    extra = ["chalicelib/local/engine.py", "chalicelib/admin/__main__.py", "chalicelib/__pycache__/api.cpython-36.pyc"]
    extra += ["pydantic_core-2.50.4.dist-info/sboms/a.json", "pydantic/mypy.py"]
    packaged(tmp_path, {**VALID_FILES, **dict.fromkeys(extra, "")})
    lambda_package.finish(tmp_path)
    assert names_in(tmp_path).isdisjoint(extra)
    assert names_in(tmp_path) >= set(VALID_FILES)


def test_each_source_has_bytecode_that_is_not_checked_against_it(tmp_path: Path) -> None:
    packaged(tmp_path, VALID_FILES)
    lambda_package.finish(tmp_path)
    with zipfile.ZipFile(tmp_path / "deployment.zip") as zipped:
        bytecode = zipped.read(f"__pycache__/app.{sys.implementation.cache_tag}.pyc")
    unchecked_hash = 0b01
    assert int.from_bytes(bytecode[4:8], "little") == unchecked_hash
    assert b"/var/task/app.py" in bytecode


def test_files_are_readable_by_all_users(tmp_path: Path) -> None:
    packaged(tmp_path, VALID_FILES)
    lambda_package.finish(tmp_path)
    with zipfile.ZipFile(tmp_path / "deployment.zip") as zipped:
        assert {entry.external_attr >> 16 for entry in zipped.infolist()} == {0o644}


@pytest.mark.parametrize("name", sorted(VALID_FILES))
def test_a_zip_without_a_required_file_is_invalid(tmp_path: Path, name: str) -> None:
    packaged(tmp_path, {kept: text for kept, text in VALID_FILES.items() if kept != name})
    with pytest.raises(lambda_package.PackageInvalid, match=name):
        lambda_package.finish(tmp_path)


@pytest.mark.parametrize(
    "name", ["boto3/__init__.py", "botocore/session.py", "jmespath/parser.py", "tests/test_app.py"]
)
def test_a_zip_with_a_forbidden_file_is_invalid(tmp_path: Path, name: str) -> None:
    packaged(tmp_path, {**VALID_FILES, name: ""})
    with pytest.raises(lambda_package.PackageInvalid, match=name):
        lambda_package.finish(tmp_path)


def test_a_zip_that_is_too_large_is_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged(tmp_path, VALID_FILES)
    monkeypatch.setattr(lambda_package, "MAX_PACKAGE_BYTES", 100)
    with pytest.raises(lambda_package.PackageInvalid, match="more than 100"):
        lambda_package.finish(tmp_path)


def test_without_a_python_of_the_runtime_the_zip_has_no_bytecode_and_the_summary_says_so(tmp_path: Path) -> None:
    (compiled,) = [name for name in lambda_package.required_files("python3.6", "arm64") if name.endswith(".so")]
    assert compiled == "pydantic_core/_pydantic_core.cpython-36-aarch64-linux-gnu.so"
    files = {**VALID_FILES, compiled: ""}
    summary = lambda_package.finish(packaged(tmp_path, files, "python3.6", "arm64"))
    assert "python3.6 on arm64, without bytecode" in summary
    assert [name for name in names_in(tmp_path) if name.endswith(".pyc")] == []


def test_a_zip_for_another_runtime_or_architecture_is_invalid(tmp_path: Path) -> None:
    for runtime, architecture in (("python3.6", "x86_64"), (RUNTIME, "arm64")):
        with pytest.raises(lambda_package.PackageInvalid, match="_pydantic_core"):
            lambda_package.finish(packaged(tmp_path, VALID_FILES, runtime, architecture))


def test_a_program_that_is_not_the_python_of_the_runtime_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dummy = tmp_path / "python3.6"  # such as those of version managers
    dummy.write_text("#!/bin/sh\nexit 127\n")
    dummy.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lambda_package.python_of("python3.6") is None
    assert lambda_package.python_of(RUNTIME) == sys.executable
    dummy.write_text("#!/bin/sh\necho python3.6 /opt/python3.6\n")
    assert lambda_package.python_of("python3.6") == "/opt/python3.6"


@pytest.mark.skipif(not lambda_package.can_load(), reason="only Linux on x86_64 can load what Lambda loads")
def test_an_app_that_imports_a_missing_module_is_invalid(tmp_path: Path) -> None:
    packaged(tmp_path, {**VALID_FILES, "app.py": "import chalicelib.local\n"})
    with pytest.raises(lambda_package.PackageInvalid, match=r"chalicelib\.local"):
        lambda_package.finish(tmp_path)


def test_the_command_prints_the_result_or_the_problems(tmp_path: Path) -> None:
    script = str(lambda_package.__file__)
    good = subprocess.run(
        [sys.executable, script, str(packaged(tmp_path, VALID_FILES))], capture_output=True, text=True, check=True
    )
    assert RUNTIME in good.stdout
    bad = subprocess.run(
        [sys.executable, script, str(packaged(tmp_path, {}))], capture_output=True, text=True, check=False
    )
    assert bad.returncode == 1
    assert "app.py is missing" in bad.stderr


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `vendor` of a project, with a package that is larger than the limit."""
    folder = tmp_path / "project" / "vendor"
    (folder / "films").mkdir(parents=True)
    (folder / "films" / "data.bin").write_bytes(random.Random(0).randbytes(lambda_package.MAX_PACKAGE_BYTES + 1))
    (folder / "films" / "posters.py").write_text("def process(item): ...\n")
    monkeypatch.setattr(lambda_package, "VENDOR", folder)
    return folder


def test_packages_in_vendor_are_in_the_zip_of_all_functions_and_do_not_count_as_its_size(
    vendor: Path, tmp_path: Path
) -> None:
    packaged(tmp_path, VALID_FILES)
    with zipfile.ZipFile(tmp_path / "deployment.zip", "a") as zipped:
        unused: Any = None
        LambdaDeploymentPackager(OSUtils(), unused, unused)._add_vendor_files(zipped, str(vendor))
    lambda_package.finish(tmp_path)
    cached = f"films/__pycache__/posters.{sys.implementation.cache_tag}.pyc"
    assert names_in(tmp_path) >= {"films/posters.py", "films/data.bin", cached}


def test_a_zip_that_lambda_cannot_unpack_is_invalid(
    vendor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged(tmp_path, {**VALID_FILES, "films/data.bin": "x" * 1000})
    monkeypatch.setattr(lambda_package, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(lambda_package.PackageInvalid, match="Lambda accepts at most 1,000"):
        lambda_package.finish(tmp_path)
