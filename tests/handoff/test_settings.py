"""The settings: mistakes are found when they are read, and each error says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stridewell.handoff.settings import (
    CONTACT,
    FULL,
    WebhookSettings,
    load_handoff_settings,
)
from stridewell.settings import ROOT, SettingsError

HOOK = {"kind": "webhook", "label": "the team", "url": "https://example.org/x", "format": "slack"}
MAIL = {
    "kind": "smtp", "label": "the desk", "host": "smtp.example.org",
    "from": "a@example.org", "to": "b@example.org",
}  # fmt: skip
CHAT = {
    "kind": "chatwoot", "label": "chat", "url": "https://chat.example.org", "account_id": 1,
    "inbox_id": 2, "token_env": "TOKEN",
}  # fmt: skip


def load(tmp_path: Path, content: Any, **environment: str) -> Any:
    file = tmp_path / "handoff.yml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_handoff_settings(file, environment)


def test_the_projects_own_file_sends_nothing_anywhere() -> None:
    assert load_handoff_settings(ROOT / "handoff.yml", {}).targets == {}


def test_the_examples_in_the_projects_file_can_be_switched_on(tmp_path: Path) -> None:
    text = (ROOT / "handoff.yml").read_text(encoding="utf-8")
    head, examples = text.split("targets: {}\n")
    file = tmp_path / "handoff.yml"
    lines = [line.removeprefix("#") for line in examples.splitlines()]
    file.write_text(head + "targets:\n" + "\n".join(lines), encoding="utf-8")
    secrets = {
        "STRIDEWELL_SMTP_PASSWORD": "x",
        "STRIDEWELL_CHATWOOT_TOKEN": "x",
        "STRIDEWELL_WEBHOOK_URL": "https://example.org/hook",
        "STRIDEWELL_WEBHOOK_SECRET": "x",
    }
    assert len(load_handoff_settings(file, secrets).targets) == 3


def test_nothing_clinical_goes_to_a_webhook_unless_asked_for(tmp_path: Path) -> None:
    assert load(tmp_path, {"targets": {"t": HOOK}}).targets["t"].contents == CONTACT
    full = {**HOOK, "contents": "full"}
    assert load(tmp_path, {"targets": {"t": full}}).targets["t"].contents == FULL


def test_secrets_do_not_show_in_a_printed_setting(tmp_path: Path) -> None:
    target = {**HOOK, "format": "json", "secret_env": "SECRET"}
    settings = load(tmp_path, {"targets": {"t": target}}, SECRET="s3cr3t")
    assert isinstance(settings.targets["t"], WebhookSettings)
    assert "s3cr3t" not in repr(settings)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"sites": {}}, "sites: is no setting"),
        ({"retention_days": "long"}, "retention_days: should be a number"),
        ({"retention_days": 0}, "should be from 1"),
        ({"site": {"time_zone": "Mars/Base"}}, "is no time zone"),
        ({"site": {"phone_country": "UK"}}, "no country code"),
        ({"site": {"name": "a\nb"}}, "one line"),
        ({"delivery": {"lease_seconds": 30}}, "20 times"),
        ({"targets": {"t": {**HOOK, "kind": "fax"}}}, "is 'fax', but should be one of"),
        ({"targets": {"t": {**HOOK, "url": "http://example.org"}}}, "https://"),
        ({"targets": {"t": {**HOOK, "lable": "x"}}}, "lable: is no setting"),
        ({"targets": {"t": {**HOOK, "format": "json"}}}, "secret_env: is missing"),
        ({"targets": {"t": {**HOOK, "contents": "notice"}}}, "nobody would learn"),
        ({"targets": {"t": CHAT}}, "TOKEN is not set"),
        ({"targets": {"t": {**MAIL, "to": "nobody"}}}, "no e-mail address"),
        ({"targets": {"t": {**MAIL, "security": "none"}}}, "on this machine"),
        ({"targets": {"t": {**MAIL, "to": "a@b.org\nBcc: c@d.org"}}}, "one line"),
        ({"targets": []}, "should hold settings"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(tmp_path, content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.yml can't be read"):
        load_handoff_settings(tmp_path / "nothing.yml", {})
