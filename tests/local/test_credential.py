"""The credential in the data folder, which AWS clients of the local server need."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.local.credential import CREDENTIAL_FILE
from chalicelib.local.engine import Engine
from tests.local.conftest import Open, killed


def test_the_credential_is_created_once_and_only_the_user_can_read_it(
    engine: Engine, open_engine: Open, tmp_path: Path
) -> None:
    file = engine.folder.path / CREDENTIAL_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert engine.credential.secret_access_key in file.read_text()
    assert open_engine(killed(engine, tmp_path / "killed")).credential == engine.credential
    assert open_engine(tmp_path / "another").credential != engine.credential


def test_a_credential_that_others_could_read_is_replaced(engine: Engine, open_engine: Open, tmp_path: Path) -> None:
    folder = killed(engine, tmp_path / "killed")
    (folder / CREDENTIAL_FILE).chmod(0o644)
    assert open_engine(folder).credential != engine.credential
    assert (folder / CREDENTIAL_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", ["", "[]", '{"access_key_id": "LOCAL", "secret_access_key": 1}', '{"access_key_id": "x"}']
)
def test_an_invalid_credential_file_is_replaced(
    engine: Engine, open_engine: Open, tmp_path: Path, content: str
) -> None:
    folder = killed(engine, tmp_path / "killed")
    (folder / CREDENTIAL_FILE).write_text(content)
    assert len(open_engine(folder).credential.secret_access_key) == 40
