"""The packaged template, made ready for CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment.trouble import DeploymentFailed

Template = dict[str, Any]

REMOVAL = "RemovalPolicy"
DELETE = "delete"


def read_template(package: Path) -> Template:
    """The template that `make package` wrote to this folder."""
    try:
        template: Template = json.loads((package / "sam.json").read_text())
    except FileNotFoundError:
        raise DeploymentFailed(f"There is no package in {package}; `make package` makes it") from None
    return template


def with_code(template: Template, bucket: str, key: str) -> Template:
    """The template with all functions' code taken from this place in S3."""
    code = {"Bucket": bucket, "Key": key}
    resources = {
        name: {**made, "Properties": {**made["Properties"], "CodeUri": code}}
        if made["Type"] == "AWS::Serverless::Function"
        else made
        for name, made in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def with_removal(template: Template, removal: str) -> Template:
    """The template whose data goes with the stack if the policy is `delete`, and outlives it if it is `keep`.

    CloudFormation takes no parameter for this, so it is written here, from the parameter of the same meaning.
    A replacement of a table or bucket by an update never removes the old one.
    """
    if removal != DELETE:
        return template
    resources = {
        name: {**made, "DeletionPolicy": "Delete"} if "DeletionPolicy" in made else made
        for name, made in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def values(template: Template, given: Mapping[str, str], former: Mapping[str, str]) -> dict[str, str]:
    """A value for each parameter: the given one, or else the one the stack has, or else the default."""
    parameters: dict[str, dict[str, Any]] = template["Parameters"]
    if unknown := sorted(set(given) - set(parameters)):
        raise DeploymentFailed(f"The template has no parameter {', '.join(unknown)}; it has {', '.join(parameters)}")
    return {name: given.get(name, former.get(name, str(declared["Default"]))) for name, declared in parameters.items()}
