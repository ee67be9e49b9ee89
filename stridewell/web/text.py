"""Cleans what a person typed, so that it is text and nothing else."""

from __future__ import annotations

import unicodedata

_KEPT_CONTROLS = "\n\t"


def clean(typed: str) -> str:
    """Return what was typed without broken and control characters, trimmed."""
    mended = typed.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    kept = (
        char
        for char in mended.replace("\r\n", "\n").replace("\r", "\n")
        if char in _KEPT_CONTROLS or unicodedata.category(char) != "Cc"
    )
    return "".join(kept).strip()


def as_plain_text(cleaned: str) -> str:
    """Return the text as it is handed to Rasa, which would read a leading ``/`` as a command.

    Returns:
        The text without slashes and blanks at its start; may be empty.
    """
    while cleaned and (cleaned[0] == "/" or cleaned[0].isspace()):
        cleaned = cleaned[1:]
    return cleaned
