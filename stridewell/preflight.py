"""Checks the settings of the channels before a server starts with them."""

from __future__ import annotations

from channels.messaging.settings import shared_database_url, switched_on
from stridewell.web.settings import WebsiteSettings


def check_dialogue_settings() -> None:
    """See whether the website and the messaging apps can use their settings.

    Raises:
        SettingsError: One is missing or wrong; the sentence names the variable.
    """
    WebsiteSettings.from_environment()
    if switched_on():
        shared_database_url()
