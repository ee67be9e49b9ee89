"""The input channel of all messaging apps, for credentials.yml.

Which apps it opens depends on environment variables alone (see ``settings``). With none set it
imports no platform, opens no file or address, and answers nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.shared.exceptions import RasaException
from sanic import Blueprint

from channels.messaging.settings import PlatformSettings, shared_database_url, switched_on
from stridewell.settings import SettingsError

CLASSES = {
    "telegram": "Telegram",
    "twilio": "Twilio",
    "slack": "Slack",
    "messenger": "Messenger",
}


class ChannelSettingsError(SettingsError, RasaException):
    """A setting can't be used. Rasa prints the sentence and stops, without a traceback."""


class MessagingChannels(InputChannel):
    """Telegram, SMS and WhatsApp, Slack and Messenger, as far as they are switched on.

    Args:
        settings: Of each platform that is switched on.
        database: Where to remember what must survive a restart.
    """

    def __init__(self, settings: list[PlatformSettings], database: str) -> None:
        self._settings = settings
        self._database = database

    @classmethod
    def name(cls) -> str:
        """Return the channel's name."""
        return "messaging"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> MessagingChannels:
        """Read the environment; credentials.yml holds the name alone.

        Raises:
            ChannelSettingsError: A variable is missing, unknown or can't be used.
        """
        if credentials:
            raise ChannelSettingsError(
                "credentials.yml has settings under the messaging channels. They are set with "
                "environment variables alone: STRIDEWELL_TELEGRAM_TOKEN and so on."
            )
        try:
            settings = switched_on()
            return cls(settings, shared_database_url() if settings else "")
        except SettingsError as error:
            raise ChannelSettingsError(str(error)) from error

    def url_prefix(self) -> str:
        """Return the part of the address before a platform's name."""
        return "/webhooks"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """Return the routes of the platforms that are switched on (see parent class)."""
        blueprint = Blueprint("messaging")
        if self._settings:
            from channels.messaging.service import Service

            platforms = []
            for settings in self._settings:
                module = importlib.import_module(f"channels.{settings.name}")
                platforms.append(getattr(module, CLASSES[settings.name])(settings))
            Service(platforms, self._database, on_new_message).attach(blueprint)
        return blueprint
