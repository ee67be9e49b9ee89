"""Ends a server whose settings can't work, with one sentence instead of a traceback."""

from __future__ import annotations

import os
import sys

from stridewell.settings import SettingsError
from stridewell.stores.settings import StoreSettings


def settings_or_exit() -> StoreSettings:
    """Return the settings of the stores, or end this process.

    Rasa makes its stores while the web server starts, where an exception would be logged as a
    traceback and the server would wait for messages that it can't answer.
    """
    try:
        return StoreSettings.from_environment()
    except SettingsError as error:
        end(str(error))
        raise


def end(sentence: str) -> None:
    """Print why, and leave at once."""
    print(sentence, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(1)
