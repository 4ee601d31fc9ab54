"""Prepares the packaged template for CloudFormation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment.errors import DeploymentFailed

Template = dict[str, Any]

REMOVAL = "RemovalPolicy"
DELETE = "delete"
COMPRESSION = "CompressedBytes"
COMPRESSION_EXTENSION = "x-amazon-apigateway-minimum-compression-size"


def read_template(package: Path) -> Template:
    """Returns the template that `make package` wrote to this folder. Raises DeploymentFailed if it does not exist."""
    try:
        template: Template = json.loads((package / "sam.json").read_text())
    except FileNotFoundError:
        raise DeploymentFailed(f"There is no package in {package}; create it with `make package`") from None
    return template


def with_code(template: Template, bucket: str, key: str) -> Template:
    """Returns the template with the code of all functions at this S3 location."""
    code = {"Bucket": bucket, "Key": key}
    resources = {
        name: {**made, "Properties": {**made["Properties"], "CodeUri": code}}
        if made["Type"] == "AWS::Serverless::Function"
        else made
        for name, made in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def with_removal(template: Template, removal: str) -> Template:
    """Returns the template with this removal policy: `delete` removes the data with the stack, and `keep` retains it.

    DeletionPolicy cannot refer to a parameter, so it is set here from the parameter RemovalPolicy. An update that
    replaces a table or bucket retains the old one in both cases.
    """
    if removal != DELETE:
        return template
    resources = {
        name: {**made, "DeletionPolicy": "Delete"} if "DeletionPolicy" in made else made
        for name, made in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def with_compression(template: Template, minimum_bytes: str) -> Template:
    """Returns the template with this minimum size of compressed responses in the definition of the API.

    API Gateway applies a change of it only when the API is deployed, and the transform of SAM deploys the API when its
    definition changes, but not when a parameter does. Raises DeploymentFailed if it is no number.
    """
    if not re.fullmatch("[0-9]+", minimum_bytes):
        raise DeploymentFailed(f"CompressedBytes is a number of bytes, and not {minimum_bytes!r}")
    api = template["Resources"]["RestAPI"]
    body = {**api["Properties"]["DefinitionBody"], COMPRESSION_EXTENSION: int(minimum_bytes)}
    made = {**api, "Properties": {**api["Properties"], "DefinitionBody": body}}
    return {**template, "Resources": {**template["Resources"], "RestAPI": made}}


def without_protection(template: Template) -> Template:
    """Returns the template with tables that can be deleted.

    CloudFormation creates a stack with it, because it could not remove protected tables if the creation failed.
    """
    resources = {
        name: {**made, "Properties": {**made["Properties"], "DeletionProtectionEnabled": False}}
        if made["Type"] == "AWS::DynamoDB::Table"
        else made
        for name, made in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def tags_of(stage: str, given: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """Returns the tags of the stack: its name, the given tags, and those that it has. An empty value removes a tag.

    Raises DeploymentFailed if a given tag is `stage`.
    """
    if "stage" in given:
        raise DeploymentFailed("The tag stage is the name of the stage, and cannot have another value")
    tags = {**current, **given, "stage": stage}
    return {name: value for name, value in tags.items() if value}


def parameter_values(template: Template, given: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """Returns a value for each parameter: the given one, or else that of the stack, or else the default.

    Raises DeploymentFailed if the template does not have a given parameter.
    """
    parameters: dict[str, dict[str, Any]] = template["Parameters"]
    if unknown := sorted(set(given) - set(parameters)):
        raise DeploymentFailed(f"The template has no parameter {', '.join(unknown)}; it has {', '.join(parameters)}")
    return {name: given.get(name, current.get(name, str(declared["Default"]))) for name, declared in parameters.items()}
