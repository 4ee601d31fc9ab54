"""The template that `make package` writes, made without its zip and so without a network."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalice.cli.factory import CLIFactory
from chalice.deploy.packager import LambdaDeploymentPackager

from deployment.merge_template.template import write_merge_template

ROOT = Path(__file__).parents[2]


def packaged_template(folder: Path, stage: str = "dev") -> dict[str, Any]:
    """What Chalice and CloudFormation are given for a stage; `folder` is for scratch files."""
    merged = folder / "merge-template.json"
    write_merge_template(merged)
    factory = CLIFactory(str(ROOT), environ={})
    config = factory.create_config_obj(stage)
    options = factory.create_package_options()
    packager = factory.create_app_packager(config, options, "cloudformation", "json", str(merged))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LambdaDeploymentPackager, "create_deployment_package", lambda *_: _empty_zip(folder))
        packager.package_app(config, str(folder / "out"), stage)
    template: dict[str, Any] = json.loads((folder / "out" / "sam.json").read_text())
    return template


def of_type(template: dict[str, Any], type_: str) -> dict[str, dict[str, Any]]:
    """The template's resources of one type, by logical id."""
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == type_}


def references(contribution: Any) -> Iterator[str]:
    """The logical ids that a part of the template names, by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(contribution, list):
        for item in contribution:
            yield from references(item)
    elif isinstance(contribution, dict):
        for name, value in contribution.items():
            if name == "Ref":
                yield value
            elif name == "Fn::GetAtt":
                yield value[0]
            elif name == "Fn::Sub" and isinstance(value, str):
                yield from (piece.partition("}")[0].partition(".")[0] for piece in value.split("${")[1:])
            else:
                yield from references(value)


def _empty_zip(folder: Path) -> str:
    path = folder / "empty.zip"
    with zipfile.ZipFile(path, "w"):
        return str(path)
