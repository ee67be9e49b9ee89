"""Off by default; one app is switched on by its variables alone; a wrong one is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from channels.messaging.channel import ChannelSettingsError, MessagingChannels
from channels.messaging.settings import PLATFORMS, database_url, shared_database_url, switched_on
from stridewell.settings import ROOT, SettingsError
from tests.messaging.fakes import FakeSlack
from tests.messaging.test_rendering import ENVIRONMENT


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in ENVIRONMENT.items() if name not in names}


def only(platform: str) -> dict[str, str]:
    prefix = f"STRIDEWELL_{platform.upper()}_"
    return {
        name: value
        for name, value in ENVIRONMENT.items()
        if name.startswith(prefix) or name == "STRIDEWELL_PUBLIC_URL"
    }


def test_with_no_variable_set_nothing_is_switched_on() -> None:
    assert switched_on({}) == []
    assert (
        switched_on({"STRIDEWELL_PUBLIC_URL": "https://x.test", "STRIDEWELL_SLACK_TOKEN": ""}) == []
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_app_is_switched_on_by_its_own_variables_alone(platform: str) -> None:
    assert [found.name for found in switched_on(only(platform))] == [platform]


STARTS = """
import json, os, sys
from rasa.core.channels.channel import register
from rasa.core.run import create_http_input_channels
from sanic import Sanic
wrong = json.loads(os.environ.pop("WRONG"))
channels = create_http_input_channels(None, sys.argv[1])
app = Sanic("probe")
register(channels, app, route="/webhooks/")
print("FOUND", json.dumps({
    "routes": [route.path for route in app.router.routes],
    "modules": sorted(n for n in sys.modules if n.startswith("channels.")),
    "listeners": [event for event, listeners in app.listeners.items() if listeners],
    "files": os.listdir(),
}))
os.environ.update(wrong)
sys.argv = ["rasa", "run", "--enable-api", "--credentials", sys.argv[1]]
from rasa.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Rasa started with no app switched on, then with a setting that is missing."""
    folder = tmp_path_factory.mktemp("start")
    credentials = folder / "credentials.yml"
    credentials.write_text("channels.messaging.channel.MessagingChannels:\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STRIDEWELL_")}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "STRIDEWELL_MESSAGING_DB": f"sqlite:///{folder / 'm.db'}",
        "WRONG": json.dumps(without("STRIDEWELL_SLACK_SECRET")),
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STARTS, str(credentials)],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


def test_with_no_app_nothing_is_imported_opened_or_answered(
    starts: subprocess.CompletedProcess[str],
) -> None:
    line = next(line for line in starts.stdout.splitlines() if line.startswith("FOUND"))
    assert json.loads(line.removeprefix("FOUND")) == {
        "routes": [],
        "modules": [
            "channels.messaging",
            "channels.messaging.channel",
            "channels.messaging.settings",
        ],
        "listeners": [],
        "files": ["credentials.yml"],
    }


def test_a_wrong_setting_stops_the_start_with_a_sentence_that_names_it(
    starts: subprocess.CompletedProcess[str],
) -> None:
    said = starts.stdout + starts.stderr
    assert starts.returncode == 1
    assert "STRIDEWELL_SLACK_SECRET is not set, but STRIDEWELL_SLACK_TOKEN is." in said
    assert "Traceback" not in said


def test_a_dialogue_server_of_its_own_refuses_it_too() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "stridewell.serve", "dialogue"],
        env={**os.environ, **without("STRIDEWELL_SLACK_SECRET")},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("STRIDEWELL_SLACK_SECRET is not set")


REQUIRED = [
    variable.name
    for variables in PLATFORMS.values()
    for variable in variables
    if variable.default is None
]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is not set"):
        switched_on(without(name))


@pytest.mark.parametrize("name", REQUIRED)
def test_a_variable_with_a_wrong_value_is_named_and_its_value_is_not(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} ") as caught:
        switched_on({**ENVIRONMENT, name: "hunter 2!"})
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("platform", ["telegram", "twilio"])
def test_the_public_address_is_asked_for_where_it_is_needed(platform: str) -> None:
    environment = only(platform)
    del environment["STRIDEWELL_PUBLIC_URL"]
    with pytest.raises(SettingsError, match=r"^STRIDEWELL_PUBLIC_URL is not set"):
        switched_on(environment)


@pytest.mark.parametrize(
    "address", ["bot.example.org", "ftp://x", "http://bot.example.org", "https://", "https://a b"]
)
def test_an_address_that_secrets_must_not_travel_to_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"^STRIDEWELL_"):
        switched_on({**ENVIRONMENT, "STRIDEWELL_SLACK_API": address})


def test_a_misspelled_variable_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"^STRIDEWELL_SLACK_TOKN is set, but slack has no such"
    ):
        switched_on({"STRIDEWELL_SLACK_TOKN": "x"})


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(FakeSlack.token + "\n")
    environment = {**without("STRIDEWELL_SLACK_TOKEN"), "STRIDEWELL_SLACK_TOKEN_FILE": str(path)}
    found = next(s for s in switched_on(environment) if s.name == "slack")
    assert found["token"] == FakeSlack.token


def test_a_file_that_is_not_there_is_named() -> None:
    environment = {**without("STRIDEWELL_SLACK_TOKEN"), "STRIDEWELL_SLACK_TOKEN_FILE": "/none"}
    with pytest.raises(SettingsError, match=r"^STRIDEWELL_SLACK_TOKEN_FILE names '/none'"):
        switched_on(environment)


def test_the_sites_own_database_is_used_where_there_is_one() -> None:
    assert (
        database_url({"STRIDEWELL_DATABASE_URL": "postgresql://u:p@h/d"}) == "postgresql://u:p@h/d"
    )


@pytest.mark.parametrize("value", ["var/x.db", "mysql://h/d"])
def test_a_database_that_cannot_be_used_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^STRIDEWELL_MESSAGING_DB is not"):
        database_url({"STRIDEWELL_MESSAGING_DB": value})


def test_several_servers_do_not_share_a_file() -> None:
    with pytest.raises(SettingsError, match=r"^STRIDEWELL_SERVERS is 2"):
        shared_database_url({"STRIDEWELL_SERVERS": "2"})


def test_settings_in_credentials_yml_are_refused() -> None:
    with pytest.raises(ChannelSettingsError, match="environment variables alone"):
        MessagingChannels.from_credentials({"token": "x"})


def test_the_documentation_names_every_variable() -> None:
    text = (ROOT / "docs" / "channels" / "README.md").read_text(encoding="utf-8")
    for variable in (v for variables in PLATFORMS.values() for v in variables):
        assert f"`{variable.name}`" in text
        assert variable.default is None or f"`{variable.default}`" in text
