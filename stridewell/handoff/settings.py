"""Settings of the hand-off: handoff.yml and the environment in, checked values out.

Secrets stay in the environment: the file names the variables. Whatever is missing or wrong is
found when the settings are read, not when a summary waits to be sent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from email_validator import EmailNotValidError, validate_email
from phonenumbers import SUPPORTED_REGIONS

from stridewell.settings import ROOT, SettingsError

FILE_VARIABLE = "STRIDEWELL_HANDOFF_FILE"
DATABASE_VARIABLE = "STRIDEWELL_HANDOFF_DB"
DEFAULT_FILE = ROOT / "handoff.yml"
DEFAULT_DATABASE = f"sqlite:///{ROOT / 'var' / 'stridewell.db'}"

NOTICE, CONTACT, FULL = "notice", "contact", "full"
CONTENTS = (NOTICE, CONTACT, FULL)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class SmtpSettings:
    """An address that gets e-mail. The password is read from the environment."""

    name: str
    label: str
    contents: str
    host: str
    port: int
    security: str
    sender: str
    to: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    timeout: float = 10


@dataclass(frozen=True)
class ChatwootSettings:
    """An inbox (channel type API) of a Chatwoot account. The token is read from the environment."""

    name: str
    label: str
    contents: str
    url: str
    account_id: int
    inbox_id: int
    token: str = field(repr=False)
    ca_file: str | None = None
    timeout: float = 10


@dataclass(frozen=True)
class WebhookSettings:
    """An address that gets a signed POST. The secret is read from the environment."""

    name: str
    label: str
    contents: str
    url: str = field(repr=False)
    format: str = "json"
    secret: str = field(default="", repr=False)
    ca_file: str | None = None
    timeout: float = 10


TargetSettings = SmtpSettings | ChatwootSettings | WebhookSettings


@dataclass(frozen=True)
class SiteSettings:
    """What people are told about the site that runs the assistant."""

    name: str = ""
    opening_hours: str = ""
    reply_time: str = ""
    languages: tuple[str, ...] = ()
    phone: str = ""
    phone_country: str = ""
    time_zone: str = "UTC"


@dataclass(frozen=True)
class DeliverySettings:
    """How deliveries are repeated; all in seconds."""

    first_retry: float = 30
    longest_retry: float = 3600
    timeout: float = 10
    lease: float = 600


@dataclass(frozen=True)
class HandoffSettings:
    """All settings of the hand-off.

    Attributes:
        targets: By name, in the order of the file; none means signposting and a summary to copy.
        database: SQLAlchemy address of the outbox.
    """

    site: SiteSettings = SiteSettings()
    retention_days: float = 30
    fhir: bool = False
    file_channels: tuple[str, ...] = ()
    delivery: DeliverySettings = DeliverySettings()
    targets: Mapping[str, TargetSettings] = field(default_factory=dict)
    database: str = field(default=DEFAULT_DATABASE, repr=False)


def load_handoff_settings(
    path: Path | None = None, environment: Mapping[str, str] | None = None
) -> HandoffSettings:
    """Read the settings.

    Args:
        path: The file; by default the one STRIDEWELL_HANDOFF_FILE names, else handoff.yml.
        environment: Variables; by default those of the process.

    Returns:
        The settings; everything that a target needs is there.

    Raises:
        SettingsError: The file is missing or unreadable, or a setting is wrong or missing.
    """
    variables = os.environ if environment is None else environment
    file = path or Path(variables.get(FILE_VARIABLE) or DEFAULT_FILE)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"The hand-off settings {file} can't be read: {error}") from error
    root = _Part(content, file.name, variables)
    settings = HandoffSettings(
        site=_read_site(root.part("site")),
        retention_days=root.number("retention_days", 30, least=1, most=3650),
        fhir=root.flag("fhir"),
        file_channels=root.texts("file_channels"),
        delivery=_read_delivery(root.part("delivery")),
        targets={},
        database=variables.get(DATABASE_VARIABLE) or DEFAULT_DATABASE,
    )
    parts = root.part("targets")
    targets = {
        name: _read_target(name, parts.part(name), settings.delivery.timeout)
        for name in parts.names()
    }
    root.done()
    if targets and all(target.contents == NOTICE for target in targets.values()):
        raise SettingsError(
            f"{file.name}: every target has 'contents: notice', so nobody would learn how to reach "
            "the person. Give at least one 'contents: contact' or 'contents: full'."
        )
    return HandoffSettings(
        settings.site, settings.retention_days, settings.fhir, settings.file_channels,
        settings.delivery, targets, settings.database,
    )  # fmt: skip


def _read_site(part: _Part) -> SiteSettings:
    site = SiteSettings(
        name=part.text("name", ""),
        opening_hours=part.text("opening_hours", ""),
        reply_time=part.text("reply_time", ""),
        languages=part.texts("languages"),
        phone=part.text("phone", ""),
        phone_country=part.text("phone_country", "").upper(),
        time_zone=part.text("time_zone", "UTC"),
    )
    part.done()
    if site.phone_country and site.phone_country not in SUPPORTED_REGIONS:
        raise part.error(
            "phone_country", f"'{site.phone_country}' is no country code of two letters, like GB"
        )
    try:
        ZoneInfo(site.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise part.error(
            "time_zone", f"'{site.time_zone}' is no time zone; write it like Europe/London"
        ) from error
    return site


def _read_delivery(part: _Part) -> DeliverySettings:
    delivery = DeliverySettings(
        first_retry=part.number("first_retry_seconds", 30, least=0.01, most=3600),
        longest_retry=part.number("longest_retry_seconds", 3600, least=0.01, most=86400),
        timeout=part.number("timeout_seconds", 10, least=0.05, most=60),
        lease=part.number("lease_seconds", 600, least=0.1, most=86400),
    )
    part.done()
    # The longest delivery, Chatwoot's, is eight requests that may each wait twice: connect, answer.
    if delivery.lease < 20 * delivery.timeout:
        raise part.error(
            "lease_seconds",
            "must be at least 20 times timeout_seconds, or two workers might deliver the same",
        )
    return delivery


def _read_target(name: str, part: _Part, timeout: float) -> TargetSettings:
    kind = part.choice("kind", ("smtp", "chatwoot", "webhook"))
    # A webhook usually ends in a chat room of many readers: nothing clinical unless asked for.
    contents = part.choice("contents", CONTENTS, CONTACT if kind == "webhook" else FULL)
    label = part.text("label")
    ca_file = part.text("ca_file", "") or None
    target: TargetSettings
    if kind == "smtp":
        username = part.text("username", "")
        target = SmtpSettings(
            name, label, contents,
            host=part.text("host"),
            port=int(part.number("port", 587, least=1, most=65535)),
            security=part.choice("security", ("starttls", "tls", "none"), "starttls"),
            sender=part.email("from"),
            to=part.email("to"),
            username=username,
            password=part.secret("password_env") if username else "",
            ca_file=ca_file,
            timeout=timeout,
        )  # fmt: skip
        if target.security == "none" and target.host not in _LOOPBACK:
            raise part.error("security", "'none' is only for a mail server on this machine")
    elif kind == "chatwoot":
        target = ChatwootSettings(
            name, label, contents,
            url=part.address("url", part.text("url")),
            account_id=int(part.number("account_id", None, least=1)),
            inbox_id=int(part.number("inbox_id", None, least=1)),
            token=part.secret("token_env"),
            ca_file=ca_file,
            timeout=timeout,
        )  # fmt: skip
    else:
        form = part.choice("format", ("json", "slack", "teams"), "json")
        url = part.secret("url_env") if part.has("url_env") else part.text("url")
        target = WebhookSettings(
            name, label, contents,
            url=part.address("url", url),
            format=form,
            # Slack and Teams check nothing: there the address itself is the secret.
            secret=part.secret("secret_env") if form == "json" or part.has("secret_env") else "",
            ca_file=ca_file,
            timeout=timeout,
        )  # fmt: skip
    part.done()
    return target


class _Part:
    """A mapping of the file; each value is read once, and what nobody read is a mistake."""

    def __init__(self, content: Any, where: str, variables: Mapping[str, str]) -> None:
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise SettingsError(f"{where} should hold settings, each as 'name: value'.")
        self._content = content
        self._where = where
        self._variables = variables
        self._read: set[str] = set()

    def error(self, name: str, problem: str) -> SettingsError:
        """Return an error that names the setting."""
        return SettingsError(f"{self._where}: {name}: {problem}.")

    def names(self) -> list[str]:
        """Return all names as texts."""
        return [str(name) for name in self._content]

    def has(self, name: str) -> bool:
        """Tell whether a setting is given."""
        return self._content.get(name) not in (None, "")

    def part(self, name: str) -> _Part:
        """Return a mapping within this one."""
        self._read.add(name)
        return _Part(self._content.get(name), f"{self._where}: {name}", self._variables)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text of one line; required when there is no default."""
        value = self._value(name, default)
        if isinstance(value, dict | list | bool):
            raise self.error(name, "should be a text")
        text = str(value).strip()
        if any(ord(char) < 32 for char in text):
            raise self.error(name, "must be one line without control characters")
        return text

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._value(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(name, "should be a list of texts, like [English, Polish]")
        return tuple(value)

    def number(self, name: str, default: float | None, least: float, most: float = 2**53) -> float:
        """Return a number within limits; required when the default is None."""
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(name, "should be a number")
        if not least <= value <= most:
            raise self.error(name, f"should be from {least:g} to {most:g}, but is {value:g}")
        return value

    def flag(self, name: str) -> bool:
        """Return a yes or no; left out means no."""
        value = self._value(name, False)
        if not isinstance(value, bool):
            raise self.error(name, "should be true or false")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Return one of several words."""
        value = self.text(name, default)
        if value not in choices:
            raise self.error(name, f"is '{value}', but should be one of: {', '.join(choices)}")
        return value

    def email(self, name: str) -> str:
        """Return an e-mail address."""
        value = self.text(name)
        try:
            return str(
                validate_email(value, check_deliverability=False, test_environment=True).normalized
            )
        except EmailNotValidError as error:
            raise self.error(name, f"'{value}' is no e-mail address") from error

    def secret(self, name: str) -> str:
        """Return the value of the environment variable that the setting names."""
        variable = self.text(name)
        value = self._variables.get(variable, "")
        if not value:
            raise self.error(name, f"the environment variable {variable} is not set; set it")
        return value

    def address(self, name: str, value: str) -> str:
        """Check an https address; http only on this machine."""
        parts = urlsplit(value)
        local = parts.hostname in _LOOPBACK
        if not parts.hostname or parts.scheme not in (("https", "http") if local else ("https",)):
            raise self.error(name, "should be an address that begins with https://")
        return value.rstrip("/")

    def done(self) -> None:
        """Complain about settings that nobody read."""
        unknown = [name for name in self.names() if name not in self._read]
        if unknown:
            raise self.error(unknown[0], "is no setting; see docs/handoff.md for the names")

    def _value(self, name: str, default: Any) -> Any:
        self._read.add(name)
        value = self._content.get(name)
        if value is None or (value == "" and default is None):
            value = default
        if value is None:
            raise self.error(name, "is missing; add it")
        return value
