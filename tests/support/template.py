"""The template that `make package` writes, generated without the zip file and so without network access."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalice.deploy.packager import LambdaDeploymentPackager

from deployment.packaging import ARCHITECTURE, RUNTIME, package

ROOT = Path(__file__).parents[2]


def packaged_template(folder: Path, stage: str = "dev") -> dict[str, Any]:
    """Returns the packaged template of a stage. `folder` is for temporary files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LambdaDeploymentPackager, "create_deployment_package", lambda *_: _empty_zip(folder))
        package(folder / "out", stage, RUNTIME, ARCHITECTURE)
    template: dict[str, Any] = json.loads((folder / "out" / "sam.json").read_text())
    return template


def resources_of_type(template: dict[str, Any], type_: str) -> dict[str, dict[str, Any]]:
    """Returns the resources of one type, by logical id."""
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == type_}


def references(value: Any) -> Iterator[str]:
    """Yields the logical ids to which a part of the template refers by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for name, argument in value.items():
            if name == "Ref":
                yield argument
            elif name == "Fn::GetAtt":
                yield argument[0]
            elif name == "Fn::Sub" and isinstance(argument, str):
                yield from (piece.partition("}")[0].partition(".")[0] for piece in argument.split("${")[1:])
            else:
                yield from references(argument)


def _empty_zip(folder: Path) -> str:
    path = folder / "empty.zip"
    with zipfile.ZipFile(path, "w"):
        return str(path)
