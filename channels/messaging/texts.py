"""The channels' own sentences, read from texts.yml with the site's region filled in."""

from __future__ import annotations

from pathlib import Path

import yaml

from stridewell.settings import Region

FILE = Path(__file__).with_name("texts.yml")
PLATFORMS = {
    "telegram": "Telegram",
    "sms": "the phone network and Twilio",
    "whatsapp": "WhatsApp and Twilio",
    "slack": "Slack",
    "messenger": "Messenger",
}
COMMAND_CHANNELS = ("telegram",)
KEYWORD_CHANNELS = ("sms", "whatsapp")


class Texts:
    """Sentences of one site.

    Args:
        region: Whom to call.
    """

    def __init__(self, region: Region) -> None:
        self._texts: dict[str, str] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
        self._region = region

    def get(self, name: str, channel: str) -> str:
        """Return a text as a channel needs it.

        Args:
            name: Its name in texts.yml.
            channel: Name of the channel.

        Raises:
            KeyError: There is no such text.
        """
        if channel in COMMAND_CHANNELS:
            commands, delete = "help_commands", "how_to_delete"
        elif channel in KEYWORD_CHANNELS:
            commands, delete = "help_words_sms", "how_to_delete_words"
        else:
            commands, delete = "help_words", "how_to_delete_words"
        if name == "stopped" and channel not in KEYWORD_CHANNELS:
            name = "stopped_command"
        return self._texts[name].format(
            emergency_help=self._region.emergency_help,
            platform=PLATFORMS[channel],
            commands=self._texts[commands],
            how_to_delete=self._texts[delete],
        )
