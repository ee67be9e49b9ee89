"""Fits text to a platform: splitting at sentence ends, markup, lists of choices.

Takes a bot message's plain text with ``**bold**`` and ``[label](address)``; hands on text that a
platform shows as meant. Lengths are measured as the platform measures them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import regex

from channels.messaging.message import Choice

Measure = Callable[[str], int]

_MARKUP = re.compile(
    r"\*\*(?P<bold>[^*\n]{1,500})\*\*"
    r"|\[(?P<label>[^\[\]\n]{1,200})\]\((?P<link>(?:https?://|mailto:|tel:)[^\s()<>\"]{1,500})\)"
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|\n")
_ABBREVIATION = re.compile(r"(?:^|\W)(?:dr|mr|mrs|ms|prof|st|e\.g|i\.e|vs|no|approx|etc)\.$", re.I)
_NUMBER = re.compile(r"^(?:option|number|choice|answer|no)?[\s.#]*(\d{1,2})[\s.)!]*$", re.I)
_NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), start=1
    )
}


@dataclass(frozen=True)
class Span:
    """A stretch of text: bold, a link, or neither."""

    text: str
    bold: bool = False
    link: str = ""


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units, as most platforms count characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def clean(text: str) -> str:
    """Return text without control characters and lone surrogates, which platforms reject."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode("utf-8", "ignore").decode("utf-8")
    return "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and ord(c) != 127)).strip()


def spans(text: str) -> list[Span]:
    """Take the markup apart; what is no markup stays as it is."""
    found: list[Span] = []
    position = 0
    for match in _MARKUP.finditer(text):
        if match.start() > position:
            found.append(Span(text[position : match.start()]))
        if match["bold"]:
            found.append(Span(match["bold"], bold=True))
        else:
            found.append(Span(match["label"], link=match["link"]))
        position = match.end()
    if position < len(text):
        found.append(Span(text[position:]))
    return found


def to_plain(text: str) -> str:
    """Return text for a platform without markup: links in brackets after their label."""
    return "".join(
        f"{span.text} ({span.link.removeprefix('mailto:').removeprefix('tel:')})"
        if span.link
        else span.text
        for span in spans(text)
    )


def to_html(text: str) -> str:
    """Return text as Telegram's HTML takes it."""
    parts = []
    for span in spans(text):
        escaped = html.escape(span.text, quote=False)
        if span.link.startswith("http"):
            parts.append(f'<a href="{html.escape(span.link)}">{escaped}</a>')
        elif span.link:
            parts.append(f"{escaped} ({html.escape(span.link.split(':', 1)[1], quote=False)})")
        else:
            parts.append(f"<b>{escaped}</b>" if span.bold else escaped)
    return "".join(parts)


def escape_mrkdwn(text: str) -> str:
    """Return text in which Slack sees no mention, link or entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def to_mrkdwn(text: str) -> str:
    """Return text as Slack's mrkdwn takes it."""
    parts = []
    for span in spans(text):
        escaped = escape_mrkdwn(span.text)
        if span.link:
            parts.append(f"<{escape_mrkdwn(span.link)}|{escaped.replace('|', '/')}>")
        else:
            parts.append(f"*{escaped}*" if span.bold else escaped)
    return "".join(parts)


def split(text: str, limit: int, measure: Measure = utf16_length) -> list[str]:
    """Split text so that each part fits.

    At the end of a sentence where possible, else between words, else between characters as
    people see them.

    Args:
        text: The text; white space around the seams is dropped.
        limit: The largest allowed measure of a part, at least 1.
        measure: How the platform counts; must not grow when text is taken away.

    Returns:
        The parts in order; none is empty.
    """
    parts = []
    rest = text.strip()
    while rest and measure(rest) > limit:
        end = _fitting(rest, limit, measure)
        cut = _seam(rest, end)
        part = rest[:cut].strip()
        if part:
            parts.append(part)
        rest = rest[cut:].strip()
    if rest:
        parts.append(rest)
    return parts


def _fitting(text: str, limit: int, measure: Measure) -> int:
    low, high = 0, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return max(low, 1)


def _seam(text: str, end: int) -> int:
    marked = [(m.start(), m.end()) for m in _MARKUP.finditer(text, 0, end + 1200)]

    def allowed(position: int) -> bool:
        return not any(start < position < stop for start, stop in marked)

    for match in reversed(list(_SENTENCE_END.finditer(text, 0, min(end + 1, len(text))))):
        cut = match.end()
        if end // 4 <= cut <= end and allowed(cut) and not _ABBREVIATION.search(text[:cut]):
            return cut
    for cut in range(end, end // 4, -1):
        if cut < len(text) and text[cut].isspace() and allowed(cut):
            return cut
    whole = [m.end() for m in regex.finditer(r"\X", text[: end + 8]) if m.end() <= end]
    return whole[-1] if whole else end


def shorten(title: str, limit: int, measure: Measure = utf16_length) -> str:
    """Return a button's title that fits, cut at a word if it must be cut."""
    title = " ".join(clean(title).split()) or "…"
    if measure(title) <= limit:
        return title
    end = _fitting(title, limit - 1, measure)
    cut = title[:end]
    at_word = cut.rsplit(" ", 1)[0]
    return (at_word if len(at_word) >= limit // 2 else cut).rstrip(" ,.;:-") + "…"


def numbered(choices: Sequence[Choice], first: int = 1) -> str:
    """Return choices as a list to answer with a number: "Reply 1 to 3:" and a line each."""
    last = first + len(choices) - 1
    if len(choices) == 1:
        return f"Reply {first} for: {' '.join(choices[0].title.split())}"
    head = f"Reply {first} {'or' if len(choices) == 2 else 'to'} {last}:"
    lines = [f"{first + i}. {' '.join(c.title.split())}" for i, c in enumerate(choices)]
    return "\n".join([head, *lines])


def sources_line(titles: Sequence[str]) -> str:
    """Return one line naming the articles, or nothing."""
    if not titles:
        return ""
    return f"{'Source' if len(titles) == 1 else 'Sources'}: {'; '.join(titles)}"


def picked_number(text: str) -> int | None:
    """Return the number that somebody answered a list with, or None if it is something else."""
    plain = text.strip().replace("\ufe0f", "").replace("\u20e3", "").casefold()
    match = _NUMBER.match(plain)
    if match:
        return int(match[1])
    return _NUMBER_WORDS.get(plain.rstrip(".!"))


def same_title(typed: str, titles: Iterable[str]) -> int | None:
    """Return the index of the title that somebody typed out, or None."""
    wanted = _letters(typed)
    for index, title in enumerate(titles):
        if wanted and wanted == _letters(title):
            return index
    return None


def _letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
