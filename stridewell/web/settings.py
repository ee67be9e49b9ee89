"""Settings of the website channel: environment variables in, one checked object out."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many

from stridewell.settings import ROOT, SettingsError, number, secret
from stridewell.stores.settings import REDIS, SECRET

KEY_FILE = ROOT / "var" / "website.key"
LEAST_KEY_LENGTH = 32


@dataclass(frozen=True)
class WebsiteSettings:
    """What the site's operator decides.

    Attributes:
        secret_key: Signs the sessions.
        allowed_origins: Other sites that may embed the chat, such as ``https://www.example.org``.
        trusted_proxies: How many proxies in front of the server add to ``X-Forwarded-For``.
        redis_url: Where several workers share their rate limits; empty for this process's memory.
        message_rates: Messages of one session.
        address_rates: Calls from one address.
        session_rates: New sessions for one address.
        message_length: Longest message, in characters.
        turn_seconds: How long an answer may take.
        session_hours: How long a session lasts.
    """

    secret_key: str
    allowed_origins: frozenset[str] = frozenset()
    trusted_proxies: int = 0
    redis_url: str = ""
    message_rates: tuple[RateLimitItem, ...] = ()
    address_rates: tuple[RateLimitItem, ...] = ()
    session_rates: tuple[RateLimitItem, ...] = ()
    message_length: int = 1000
    turn_seconds: float = 20.0
    session_hours: float = 24.0

    @classmethod
    def from_environment(cls) -> WebsiteSettings:
        """Read every setting.

        Raises:
            SettingsError: A variable has a value that can't be used, or the key can't be kept.
        """
        return cls(
            secret_key=secret_key(),
            allowed_origins=_origins("STRIDEWELL_ALLOWED_ORIGINS"),
            trusted_proxies=number("STRIDEWELL_TRUSTED_PROXIES", 0, 0, 10),
            redis_url=secret(REDIS),
            message_rates=_rates("STRIDEWELL_MESSAGE_RATES", "15 per minute; 300 per day"),
            address_rates=_rates("STRIDEWELL_ADDRESS_RATES", "240 per minute"),
            session_rates=_rates("STRIDEWELL_SESSION_RATES", "60 per hour"),
            message_length=number("STRIDEWELL_MESSAGE_LENGTH", 1000, 50, 10_000),
            turn_seconds=number("STRIDEWELL_TURN_SECONDS", 20.0, 0.1, 50.0),
            session_hours=number("STRIDEWELL_SESSION_HOURS", 24.0, 0.0005, 720.0),
        )


def secret_key(kept: Path = KEY_FILE) -> str:
    """Return the key in ``STRIDEWELL_SECRET_KEY``, or the one that this machine made and keeps.

    Args:
        kept: Where a key of our own is kept, readable for its owner only.

    Raises:
        SettingsError: The key given is too short, or none can be kept.
    """
    given = secret(SECRET)
    if given:
        if len(given) < LEAST_KEY_LENGTH:
            raise SettingsError(
                f"{SECRET} has {len(given)} characters, but needs at least "
                f"{LEAST_KEY_LENGTH}. Make one with: openssl rand -hex 32"
            )
        return given
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Only one of several workers that start together may create it.
            handle = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
        found = kept.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The key that signs chat sessions can't be kept in {kept}: {error}. "
            f"Set {SECRET} instead."
        ) from error
    if len(found) < LEAST_KEY_LENGTH:
        raise SettingsError(f"{kept} holds no usable key. Delete it, and a new one is made.")
    return found


def _origins(variable: str) -> frozenset[str]:
    listed = [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]
    for origin in listed:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != origin:
            raise SettingsError(
                f"{variable} names '{origin}', but an origin is a scheme, a host and perhaps a "
                "port, without a path or a slash at the end: https://www.example.org"
            )
    return frozenset(origin.lower() for origin in listed)


def _rates(variable: str, default: str) -> tuple[RateLimitItem, ...]:
    value = os.environ.get(variable, "") or default
    try:
        return tuple(parse_many(value))
    except ValueError as error:
        raise SettingsError(
            f"{variable} is '{value}', but rates are written like '15 per minute; 300 per day'."
        ) from error
