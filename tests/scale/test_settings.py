"""Settings that contradict each other are refused with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stridewell.settings import ROOT, SettingsError
from stridewell.stores.settings import StoreSettings

DATABASE = "postgresql://stridewell:tiger-stripe@db.example.org/stridewell"
REDIS = "redis://:tiger-stripe@cache.example.org:6379/0"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("STRIDEWELL_") or name == "SANIC_WORKERS":
            monkeypatch.delenv(name)


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """Return the sentence that these settings are refused with."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        StoreSettings.from_environment()
    return str(refusal.value)


def test_without_settings_one_process_works_on_a_file() -> None:
    settings = StoreSettings.from_environment()
    assert (settings.database_url, settings.redis_url, settings.shared) == ("", "", False)


@pytest.mark.parametrize("variable", ["SANIC_WORKERS", "STRIDEWELL_SERVERS"])
def test_several_processes_without_redis_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    sentence = refused(monkeypatch, **{variable: "2", "STRIDEWELL_DATABASE_URL": DATABASE})
    assert f"{variable} is 2" in sentence
    assert "STRIDEWELL_REDIS_URL" in sentence


def test_several_processes_on_a_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = refused(monkeypatch, STRIDEWELL_SERVERS="3", STRIDEWELL_REDIS_URL=REDIS)
    assert "STRIDEWELL_DATABASE_URL names no PostgreSQL" in sentence


def test_several_processes_with_both_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIDEWELL_SERVERS", "3")
    monkeypatch.setenv("STRIDEWELL_DATABASE_URL", DATABASE)
    monkeypatch.setenv("STRIDEWELL_REDIS_URL", REDIS)
    assert StoreSettings.from_environment().shared


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STRIDEWELL_DATABASE_URL", "mysql://root:tiger-stripe@db/x"),
        ("STRIDEWELL_REDIS_URL", "tiger-stripe@cache"),
        ("STRIDEWELL_BROKER_URL", "http://guest:tiger-stripe@queue"),
        ("STRIDEWELL_SERVERS", "many"),
        ("STRIDEWELL_SERVERS", "0"),
        ("STRIDEWELL_RETENTION_DAYS", "-1"),
        ("STRIDEWELL_ACTION_SECONDS", "nan"),
    ],
)
def test_a_wrong_value_is_named_and_no_password_is_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    sentence = refused(monkeypatch, **{variable: value})
    assert sentence.startswith(variable)
    assert "tiger" not in sentence


def test_a_secret_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{DATABASE}\n")
    monkeypatch.setenv("STRIDEWELL_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert StoreSettings.from_environment().database_url == DATABASE


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sentence = refused(monkeypatch, STRIDEWELL_REDIS_URL_FILE=str(tmp_path / "none"))
    assert "STRIDEWELL_REDIS_URL_FILE" in sentence


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(REDIS)
    sentence = refused(
        monkeypatch,
        STRIDEWELL_REDIS_URL=REDIS,
        STRIDEWELL_REDIS_URL_FILE=str(tmp_path / "url"),
    )
    assert sentence.startswith("Both STRIDEWELL_REDIS_URL and STRIDEWELL_REDIS_URL_FILE")


@pytest.mark.parametrize("server", ["dialogue", "actions"])
def test_a_server_refuses_to_start_with_that_sentence(server: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "stridewell.serve", server],
        cwd=ROOT,
        env={**os.environ, "SANIC_WORKERS": "2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("SANIC_WORKERS is 2, but STRIDEWELL_REDIS_URL is not set")
    assert len(result.stderr.splitlines()) == 1


def test_plain_rasa_refuses_too(model_path: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "rasa", "run", "--model", str(model_path), "--port", "5299"],
        cwd=ROOT,
        env={
            **os.environ,
            "STRIDEWELL_SERVERS": "2",
            "RASA_TELEMETRY_ENABLED": "false",
            "PYTHONWARNINGS": "ignore",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 1
    assert "STRIDEWELL_SERVERS is 2, but STRIDEWELL_REDIS_URL is not set" in result.stderr
