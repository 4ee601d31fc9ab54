"""The merge template: the resources that are written by hand, and those that are generated."""

from __future__ import annotations

import json
from pathlib import Path

from deployment.merge_template.alarms import alarms
from deployment.merge_template.cloudformation import Json
from deployment.merge_template.dashboard import dashboard
from deployment.merge_template.functions import functions, log_groups, queues
from deployment.merge_template.gateway_responses import gateway_responses
from deployment.merge_template.queries import queries
from deployment.merge_template.queue_policies import queue_policies

HANDWRITTEN = Path(__file__).parents[2] / ".chalice" / "resources.json"


def merge_template() -> Json:
    """The template that `chalice package` merges into its own."""
    template: Json = json.loads(HANDWRITTEN.read_text())
    template["Resources"] |= (
        log_groups() | queues() | queue_policies() | functions() | alarms() | queries() | dashboard()
    )
    template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"] = gateway_responses()
    return template


def write_merge_template(path: Path) -> None:
    """Writes the merge template to this file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(merge_template(), indent=2) + "\n")
