"""Makes a person's text safe to show in a line: any text in, printable text out.

Only what could change more than the text itself is taken out: line ends, control characters and
the marks that turn the direction of writing. Everything else, HTML and braces too, stays as typed.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0xFEFF)
}


def one_line(text: str) -> str:
    """Return the text in one line: each run of white space and control characters is one space."""
    kept = "".join(" " if _breaks(char) else char for char in text if char not in _INVISIBLE)
    return " ".join(kept.split())


def quoted(text: str) -> str:
    """Return the text in one line between quotation marks."""
    return f'"{one_line(text)}"'


def listed(items: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _breaks(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
