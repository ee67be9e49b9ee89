"""Which messaging apps are switched on, read from environment variables.

Imports no platform and opens nothing, so that it can run before anything is known. A variable may
instead name a file that holds its value: the same name with ``_FILE`` at its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from stridewell.settings import ROOT, SettingsError, secret
from stridewell.stores.settings import DATABASE as SHARED_DATABASE
from stridewell.stores.settings import SERVERS, WORKERS

PUBLIC_URL = "STRIDEWELL_PUBLIC_URL"
DATABASE = "STRIDEWELL_MESSAGING_DB"
DEFAULT_DATABASE = f"sqlite:///{ROOT / 'var' / 'messaging.db'}"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Variable:
    """A setting of a platform.

    Attributes:
        name: The environment variable.
        meaning: What it holds, for error messages.
        pattern: What a value looks like.
        hint: The same in words.
        default: Its value when it is not set; None if it has to be set.
        is_url: It is an address.
    """

    name: str
    meaning: str
    pattern: str = r"\S+"
    hint: str = "a word without spaces"
    default: str | None = None
    is_url: bool = False

    @property
    def short(self) -> str:
        """The name without the platform's prefix, in lower case."""
        return self.name.split("_", 2)[2].lower()


@dataclass(frozen=True)
class PlatformSettings:
    """The values of a platform that is switched on.

    Attributes:
        name: Name of the platform, and of its module in ``channels``.
        values: By short name, in lower case.
        public_url: Address under which the world reaches this server, without a slash at its end.
    """

    name: str
    values: Mapping[str, str]
    public_url: str

    def __getitem__(self, short: str) -> str:
        return self.values[short]


PLATFORMS: dict[str, tuple[Variable, ...]] = {
    "telegram": (
        Variable(
            "STRIDEWELL_TELEGRAM_TOKEN",
            "the token that BotFather gives",
            r"\d{3,20}:[A-Za-z0-9_-]{20,80}",
            "digits, a colon and letters, as BotFather shows it",
        ),
        Variable(
            "STRIDEWELL_TELEGRAM_SECRET",
            "a secret of your own that Telegram sends along",
            r"[A-Za-z0-9_-]{16,256}",
            "16 to 256 letters, digits, '_' and '-'",
        ),
        Variable(
            "STRIDEWELL_TELEGRAM_API",
            "the address of Telegram's API",
            default="https://api.telegram.org",
            is_url=True,
        ),
    ),
    "twilio": (
        Variable(
            "STRIDEWELL_TWILIO_ACCOUNT",
            "the Account SID",
            r"AC[0-9a-fA-F]{32}",
            "'AC' and 32 hexadecimal digits",
        ),
        Variable(
            "STRIDEWELL_TWILIO_TOKEN",
            "the Auth Token",
            r"[0-9a-zA-Z]{16,64}",
            "16 to 64 letters and digits",
        ),
        Variable(
            "STRIDEWELL_TWILIO_API",
            "the address of Twilio's API",
            default="https://api.twilio.com",
            is_url=True,
        ),
    ),
    "slack": (
        Variable(
            "STRIDEWELL_SLACK_TOKEN",
            "the Bot User OAuth Token",
            r"xoxb-\S{10,}",
            "a token that begins with 'xoxb-'",
        ),
        Variable(
            "STRIDEWELL_SLACK_SECRET",
            "the Signing Secret",
            r"[0-9a-zA-Z]{16,128}",
            "16 to 128 letters and digits",
        ),
        Variable(
            "STRIDEWELL_SLACK_API",
            "the address of Slack's API",
            default="https://slack.com/api/",
            is_url=True,
        ),
    ),
    "messenger": (
        Variable(
            "STRIDEWELL_MESSENGER_TOKEN",
            "the page access token",
            r"[A-Za-z0-9_|-]{20,}",
            "at least 20 letters and digits",
        ),
        Variable(
            "STRIDEWELL_MESSENGER_SECRET",
            "the App Secret",
            r"[0-9a-zA-Z]{16,128}",
            "16 to 128 letters and digits",
        ),
        Variable(
            "STRIDEWELL_MESSENGER_VERIFY",
            "a word of your own that Meta sends back once",
            r"\S{8,256}",
            "8 to 256 characters without spaces",
        ),
        Variable(
            "STRIDEWELL_MESSENGER_API",
            "the address of the Graph API with its version",
            default="https://graph.facebook.com/v25.0",
            is_url=True,
        ),
    ),
}
NEEDS_PUBLIC_URL = ("telegram", "twilio")


def switched_on(environment: Mapping[str, str] | None = None) -> list[PlatformSettings]:
    """Return the settings of every platform of which any variable is set.

    Args:
        environment: The variables; those of the process by default.

    Raises:
        SettingsError: One is missing, unknown or has a value that can't be used; the sentence
            names it.
    """
    env = os.environ if environment is None else environment
    found = []
    for platform, variables in PLATFORMS.items():
        prefix = f"STRIDEWELL_{platform.upper()}_"
        present = sorted(name for name, value in env.items() if name.startswith(prefix) and value)
        _check_known(platform, present, variables)
        if not present:
            continue
        values = {v.short: _value(v, env, present[0]) for v in variables}
        found.append(PlatformSettings(platform, values, _public_url(platform, env)))
    return found


def database_url(environment: Mapping[str, str] | None = None) -> str:
    """Return where the messaging apps keep what must survive a restart.

    Their own setting first, then the site's database, then a file in ``var/``.

    Raises:
        SettingsError: It is no database address.
    """
    env = os.environ if environment is None else environment
    url = secret(DATABASE, env) or secret(SHARED_DATABASE, env) or DEFAULT_DATABASE
    if not re.fullmatch(r"(sqlite|postgresql)(\+\w+)?://\S*", url):
        raise SettingsError(
            f"{DATABASE} is not a database address that can be used. Write 'sqlite:///' and a "
            "path, or 'postgresql://user:password@host/name'."
        )
    return url


def shared_database_url(environment: Mapping[str, str] | None = None) -> str:
    """Return the same for a server that answers on the apps.

    Raises:
        SettingsError: It can't be used, or is a file although several servers share the work.
    """
    env = os.environ if environment is None else environment
    url = database_url(env)
    for name in (SERVERS, WORKERS):
        if url.startswith("sqlite") and env.get(name, "1") not in ("", "1"):
            raise SettingsError(
                f"{name} is {env[name]}, but the messaging apps keep what they have answered in a "
                f"file. Set {DATABASE} to a PostgreSQL database that all servers share."
            )
    return url


def _check_known(platform: str, present: list[str], variables: tuple[Variable, ...]) -> None:
    known = {v.name for v in variables} | {f"{v.name}_FILE" for v in variables}
    for name in present:
        if name not in known:
            raise SettingsError(
                f"{name} is set, but {platform} has no such setting. It knows "
                f"{', '.join(v.name for v in variables)}."
            )


def _value(variable: Variable, env: Mapping[str, str], because: str) -> str:
    value = secret(variable.name, env) or variable.default
    if value is None:
        raise SettingsError(
            f"{variable.name} is not set, but {because} is. It holds {variable.meaning}; set it, "
            f"or unset {because}."
        )
    if variable.is_url:
        return _url(variable.name, value)
    if not re.fullmatch(variable.pattern, value):
        raise SettingsError(
            f"{variable.name} does not look right: {variable.meaning} is {variable.hint}."
        )
    return value


def _public_url(platform: str, env: Mapping[str, str]) -> str:
    value = secret(PUBLIC_URL, env)
    if not value and platform in NEEDS_PUBLIC_URL:
        raise SettingsError(
            f"{PUBLIC_URL} is not set, but {platform} needs it. It is the address under which the "
            "world reaches this server, such as https://bot.example.org."
        )
    return _url(PUBLIC_URL, value) if value else ""


def _url(name: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    plain = re.fullmatch(r"[^\s?#@]+", value)
    if parts.scheme not in ("http", "https") or not host or not plain:
        raise SettingsError(
            f"{name} is not an address that can be used. Write one such as https://example.org."
        )
    if parts.scheme == "http" and host not in LOOPBACK:
        raise SettingsError(f"{name} must begin with https://, because secrets travel there.")
    return value.rstrip("/")
