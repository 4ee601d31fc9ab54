"""The local client ignores the AWS settings of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.local.engine import Engine
from chalicelib.settings import Settings

AWS_SETTINGS = {
    "AWS_PROFILE": "missing",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_RETRY_MODE": "nonsense",
    "AWS_MAX_ATTEMPTS": "nonsense",
    "AWS_DEFAULTS_MODE": "nonsense",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}


def test_no_aws_setting_of_the_shell_affects_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("not a configuration [")
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "config")}
    for name, value in {**AWS_SETTINGS, **files}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    engine = Engine(Settings(data_dir=str(tmp_path / "data")))
    try:
        tables = engine.dynamodb().list_tables()["TableNames"]
    finally:
        engine.close()
    assert sorted(tables) == ["buckets-catalog", "buckets-objects"]
