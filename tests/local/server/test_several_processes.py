"""Several clients and processes use the data of one folder."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from chalicelib.local.client import local_client
from chalicelib.local.engine import Engine
from chalicelib.local.server.aws_endpoint import AwsEndpoint
from tests.local.conftest import CATALOG, Open, killed, names, new_row, put

PROJECT = Path(__file__).parents[3]
SCRIPT = f"""
import sys
from chalicelib.local import engine
from chalicelib.settings import Settings
client = engine.connect(Settings(engine="embedded", data_dir=sys.argv[1]), wait_seconds=float(sys.argv[2]))
client.put_item(TableName="{CATALOG}", Item={{"pk": {{"S": "theirs"}}, "sk": {{"S": "-"}}}})
keys = [{{"pk": {{"S": name}}, "sk": {{"S": "-"}}}} for name in ("ours", "theirs")]
found = client.batch_get_item(RequestItems={{"{CATALOG}": {{"Keys": keys}}}})["Responses"]["{CATALOG}"]
print(sorted(row["pk"]["S"] for row in found))
"""


def other_process(folder: Path, *, wait_seconds: float = 10.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(wait_seconds)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def test_no_write_of_parallel_clients_is_lost(engine: Engine, endpoint: AwsEndpoint) -> None:
    wanted = [f"{number:03d}" for number in range(64)]
    with closing(local_client(endpoint.url, engine.credential)) as client, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: client.put_item(TableName=CATALOG, Item=new_row(name)), wanted))
    assert sorted(names(engine)) == wanted


def test_another_process_uses_the_endpoint_of_the_owner(engine: Engine, endpoint: AwsEndpoint) -> None:
    put(engine, "ours")
    engine.publish_endpoint(endpoint.url)
    done = other_process(engine.folder.path)
    assert (done.stderr, done.stdout) == ("", "['ours', 'theirs']\n")
    assert names(engine) == ["ours", "theirs"]


def test_another_process_opens_a_folder_without_an_owner(open_engine: Open, tmp_path: Path) -> None:
    done = other_process(tmp_path / "data")
    assert (done.stderr, done.stdout) == ("", "['theirs']\n")
    assert names(open_engine(tmp_path / "data")) == ["theirs"]


def test_another_process_waits_no_longer_than_its_limit(engine: Engine) -> None:
    done = other_process(engine.folder.path, wait_seconds=0.2)
    assert done.returncode == 1
    assert "FolderInUse" in done.stderr
    assert names(engine) == []


def test_a_start_removes_the_endpoint_file_of_an_owner_that_was_killed(
    engine: Engine, open_engine: Open, tmp_path: Path
) -> None:
    # Another program, even another engine, may now listen on that port.
    engine.publish_endpoint("http://127.0.0.1:9")
    folder = killed(engine, tmp_path / "killed")
    assert (folder / "engine.json").exists()
    open_engine(folder)
    assert not (folder / "engine.json").exists()
