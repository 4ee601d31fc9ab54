"""Names for the parts of a CloudFormation template."""

from __future__ import annotations

from typing import Any

# A JSON object: a resource, its properties, or resources by logical id.
Json = dict[str, Any]


def ref(logical_id: str) -> Json:
    """A reference to a resource or a parameter."""
    return {"Ref": logical_id}


def get_att(logical_id: str, attribute: str) -> Json:
    """The value of an attribute of a resource."""
    return {"Fn::GetAtt": [logical_id, attribute]}


def resource(type_: str, properties: Json) -> Json:
    """A resource of this type."""
    return {"Type": type_, "Properties": properties}
