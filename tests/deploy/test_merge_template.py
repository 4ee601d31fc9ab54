"""The merge template combines the resources in `.chalice/resources.json` with the generated ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from deployment.merge_template.alarms import ALARMS, alarms
from deployment.merge_template.dashboard import dashboard
from deployment.merge_template.functions import functions, log_groups, queues
from deployment.merge_template.gateway_responses import RESPONSES
from deployment.merge_template.queries import queries
from deployment.merge_template.queue_policies import queue_policies
from deployment.merge_template.template import HANDWRITTEN, merge_template

ROOT = Path(__file__).parents[2]


@pytest.fixture
def handwritten() -> dict[str, dict[str, object]]:
    template: dict[str, dict[str, object]] = json.loads(HANDWRITTEN.read_text())
    return template


def test_no_resource_is_declared_twice(handwritten: dict[str, dict[str, object]]) -> None:
    generated = [log_groups(), queues(), queue_policies(), functions(), alarms(), queries(), dashboard()]
    sources = [handwritten["Resources"], *generated]
    declared = Counter(logical_id for resources in sources for logical_id in resources)
    assert set(declared.values()) == {1}
    assert set(declared) == set(merge_template()["Resources"])
    assert len(alarms()) == len(ALARMS)


def test_no_response_type_is_listed_twice() -> None:
    listed = Counter(type_ for response in RESPONSES for type_ in response.response_types)
    assert set(listed.values()) == {1}


def test_everything_except_resources_comes_from_the_handwritten_template(
    handwritten: dict[str, dict[str, object]],
) -> None:
    merged = merge_template()
    assert {**merged, "Resources": None} == {**handwritten, "Resources": None}


def test_the_command_writes_the_merge_template(tmp_path: Path) -> None:
    path = tmp_path / "build" / "merge-template.json"
    subprocess.run([sys.executable, "-m", "deployment.merge_template", str(path)], cwd=ROOT, check=True)
    assert json.loads(path.read_text()) == merge_template()
