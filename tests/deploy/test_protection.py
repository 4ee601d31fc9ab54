"""The parameters that limit what a stage can cost, and that protect its data from mistakes."""

from __future__ import annotations

from typing import Any


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_all_routes_share_one_limit_of_requests(template: dict[str, Any]) -> None:
    (setting,) = properties(template, "RestAPI")["MethodSettings"]
    assert (setting["ResourcePath"], setting["HttpMethod"]) == ("/*", "*")
    assert setting["ThrottlingRateLimit"] == {"Ref": "RequestRate"}
    assert setting["ThrottlingBurstLimit"] == {"Ref": "RequestBurst"}
    assert "THROTTLED" in properties(template, "RestAPI")["GatewayResponses"]
