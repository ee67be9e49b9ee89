"""The summary of a conversation, in the order of SBAR: what was said in, text and plain data out.

Situation, background, assessment and recommendation, as clinicians hand over to one another. The
assistant assesses nothing and infers nothing: the person's words are quoted, and signs that were
mentioned, denied and not asked about are kept apart. The text is made to be read aloud: headings
are words, lists are sentences, and nothing is drawn with characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from stridewell.content.register import Register
from stridewell.handoff.answers import is_question
from stridewell.handoff.contact import Contact
from stridewell.handoff.conversation import Conversation, Finding, Reply
from stridewell.handoff.settings import SiteSettings
from stridewell.handoff.signs import SIGN_NAMES, sign_name
from stridewell.handoff.text import listed, one_line, quoted

FORMAT = "stridewell-handoff-1"
NO_ASSESSMENT = "None: automated, no clinical assessment."
MOST_WORDS = 40

_OTHER_REPLIES = {
    "utter_emergency": "to get emergency help now",
    "utter_same_day": "to get medical help the same day",
    "utter_crisis": "which crisis line to call",
    "utter_safety_note": "when a warning sign needs help at once",
    "utter_not_in_articles": "that the articles don't cover that warning sign",
    "utter_medical_disclaimer": "that this is general information, not medical advice",
    "utter_medical_reminder": "that this is general information, not medical advice",
    "utter_request_handoff": "to see a doctor or physical therapist, and what to bring",
    "utter_nlu_fallback": "that a message was not understood",
    "utter_nlu_fallback_handoff": "that a message was not understood",
    "utter_out_of_scope": "that a question was outside the articles",
}
_UNTOLD_TOPICS = frozenset({"state_pain", "out_of_scope"})
_GROUPS = {
    "self": "mentioned",
    "other": "mentioned_about_someone_else",
    "denied": "denied",
    "asked": "asked_about_or_past",
    "past": "asked_about_or_past",
}
_GROUP_LINES = {
    "mentioned": "Warning signs the person mentioned",
    "mentioned_about_someone_else": "Warning signs mentioned about someone else",
    "denied": "Warning signs the person denied",
    "asked_about_or_past": "Warning signs asked about in general, or from the past",
}
# People rarely end a sentence: "my leg has hurt since May, can I run?" says and asks.
_SENTENCE_END = re.compile(
    r"(?<=[.!?;])\s+|,\s+(?=(?:(?:and|but|so)\s+)?(?:can|could|should|is|are|do|does|did|will|would"
    r"|what|how|when|why|which|where)\b)",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i've|i'd|im|ive|my|me|mine|myself)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Edits:
    """What the person changed in the summary.

    Attributes:
        left_out: Numbers of messages to leave out.
        corrections: By number, what a message should say instead.
    """

    left_out: frozenset[int] = frozenset()
    corrections: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quote:
    """A message of the person, as the summary shows it."""

    number: int
    text: str
    at: datetime
    corrected: bool


@dataclass(frozen=True)
class SignMention:
    """A warning sign, and the message that speaks of it."""

    sign: str
    number: int | None
    at: datetime


@dataclass(frozen=True)
class Told:
    """What the assistant told: a line, and the articles behind it."""

    at: datetime
    text: str
    topic: str | None = None
    articles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A conversation in four parts; every text in it is one line."""

    written_at: datetime
    site: str
    words: tuple[Quote, ...]
    words_left_out: int
    earlier_words: int
    chosen: tuple[tuple[str, datetime], ...]
    volunteered: tuple[tuple[int, str], ...]
    signs: Mapping[str, tuple[SignMention, ...]]
    not_asked: tuple[str, ...]
    told: tuple[Told, ...]
    note: str
    contact: Contact | None


def build_summary(
    conversation: Conversation,
    register: Register,
    site: SiteSettings,
    written_at: float,
    edits: Edits | None = None,
    note: str = "",
    contact: Contact | None = None,
) -> Summary:
    """Build the summary of a conversation.

    Args:
        conversation: What was said.
        register: Topics and articles, for their titles.
        site: The site; its name and time zone are used.
        written_at: Seconds since 1970.
        edits: What the person left out or corrected.
        note: What the person added, "" for nothing.
        contact: How the person wants to be reached.

    Returns:
        The summary.
    """
    edits = edits or Edits()
    zone = ZoneInfo(site.time_zone)

    def moment(seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, timezone.utc).astimezone(zone)

    kept = [words for words in conversation.words if words.number not in edits.left_out]
    quotes = [
        Quote(
            words.number,
            one_line(edits.corrections.get(words.number, words.text)),
            moment(words.at),
            words.number in edits.corrections,
        )
        for words in kept
    ]
    shown = quotes[-MOST_WORDS:]
    findings = [f for f in conversation.findings if f.number not in edits.left_out]
    signs = _group(findings, moment)
    spoken_of = {mention.sign for mentions in signs.values() for mention in mentions}
    return Summary(
        written_at=moment(written_at),
        site=site.name,
        words=tuple(shown),
        words_left_out=len(conversation.words) - len(kept),
        earlier_words=len(quotes) - len(shown),
        chosen=tuple(
            (register.topics[choice.intent].title, moment(choice.at))
            for choice in conversation.choices
            if choice.intent in register.topics
        ),
        volunteered=tuple(
            (quote.number, sentence) for quote in shown for sentence in _statements(quote.text)
        ),
        signs=signs,
        not_asked=tuple(sign for sign in SIGN_NAMES if sign not in spoken_of),
        told=tuple(_told(conversation.replies, register, moment)),
        note=one_line(note),
        contact=contact,
    )


def _statements(text: str) -> list[str]:
    return [
        sentence
        for sentence in (part.strip() for part in _SENTENCE_END.split(text))
        if _FIRST_PERSON.search(sentence.replace("\u2019", "'")) and not is_question(sentence)
    ]


def _group(findings: Iterable[Finding], moment: Any) -> dict[str, tuple[SignMention, ...]]:
    groups: dict[str, list[SignMention]] = {name: [] for name in _GROUP_LINES}
    for finding in findings:
        # A status that is not known is read as the most serious one.
        group = groups[_GROUPS.get(finding.status, "mentioned")]
        group.extend(
            SignMention(sign, finding.number, moment(finding.at)) for sign in finding.signs
        )
    return {name: tuple(mentions) for name, mentions in groups.items()}


def _told(replies: Iterable[Reply], register: Register, moment: Any) -> list[Told]:
    lines: list[Told] = []
    for reply in replies:
        line = _line(reply, register, moment(reply.at))
        if line and all(line.text != earlier.text for earlier in lines):
            lines.append(line)
    return lines


def _line(reply: Reply, register: Register, at: datetime) -> Told | None:
    topic = register.topics.get(reply.topic or "")
    if topic and topic.answered:
        articles = register.sources_of(topic.id)
        names = listed([f'"{article.title}" ({article.kind})' for article in articles])
        return Told(
            at,
            f'an answer on "{topic.title}", from {names}',
            topic.id,
            tuple(article.id for article in articles),
        )
    if topic and topic.id not in _UNTOLD_TOPICS:
        return Told(at, f'that the articles don\'t cover "{topic.title}"', topic.id)
    if reply.response in _OTHER_REPLIES:
        return Told(at, _OTHER_REPLIES[reply.response])
    return None


def summary_text(summary: Summary, reference: str = "") -> str:
    """Return the summary as plain text, one statement a line, without blank lines.

    Args:
        summary: The summary.
        reference: The number it was stored under; left out while it is only shown.
    """
    clock = _Clock(summary.written_at)
    by = f", for {summary.site}" if summary.site else ""
    lines = [f"Summary of a chat with Stridewell, an automated assistant{by}"]
    if reference:
        lines.append(f"Hand-off number: {reference}")
    lines.append(f"Written on {clock.full()}")
    return "\n".join(
        [
            *lines,
            *_situation(summary, clock),
            *_background(summary),
            *_assessment(summary, clock),
            *_recommendation(summary, clock),
        ]
    )


class _Clock:
    """Writes times: with the day only when it is another day than the summary's."""

    def __init__(self, written_at: datetime) -> None:
        self._written_at = written_at

    def full(self) -> str:
        at = self._written_at
        return f"{at.day} {at:%B %Y}, {at:%H:%M} {at.tzname()}"

    def short(self, at: datetime) -> str:
        if at.date() == self._written_at.date():
            return f"{at:%H:%M}"
        return f"{at.day} {at:%B}, {at:%H:%M}"


def _situation(summary: Summary, clock: _Clock) -> list[str]:
    lines = ["Situation"]
    if summary.words:
        lines.append("In the person's own words:")
    elif not summary.words_left_out:
        lines.append("The person typed nothing about themselves.")
    if summary.earlier_words:
        lines.append(f"{_messages(summary.earlier_words)} from earlier not shown.")
    for quote in summary.words:
        mark = ", corrected later by the person" if quote.corrected else ""
        lines.append(f"{quote.number}. At {clock.short(quote.at)}{mark}: {quoted(quote.text)}")
    if summary.words_left_out:
        lines.append(f"The person left out {_messages(summary.words_left_out)}.")
    for title, at in summary.chosen:
        lines.append(f'At {clock.short(at)}, chosen with a button: "{title}"')
    if summary.note:
        lines.append(f"The person's note: {quoted(summary.note)}")
    if summary.contact:
        how = "e-mail" if summary.contact.kind == "email" else "phone"
        lines.append(f"To be reached by {how}: {summary.contact.shown} (as typed, not checked)")
    return lines


def _background(summary: Summary) -> list[str]:
    lines = ["Background", "Only what the person said unasked. Nothing was asked or checked."]
    lines += [f"From message {number}: {quoted(said)}" for number, said in summary.volunteered]
    if not summary.volunteered:
        lines.append("Nothing.")
    return lines


def _assessment(summary: Summary, clock: _Clock) -> list[str]:
    lines = ["Assessment", NO_ASSESSMENT]
    corrected = {quote.number for quote in summary.words if quote.corrected}
    for group, words in _GROUP_LINES.items():
        mentions = summary.signs[group]
        if group == "mentioned_about_someone_else" and not mentions:
            continue
        parts = [
            f"{sign_name(mention.sign)} (at {clock.short(mention.at)}"
            f"{', in words corrected later' if mention.number in corrected else ''})"
            for mention in mentions
        ]
        lines.append(f"{words}: {'; '.join(parts) or 'none'}.")
    names = "; ".join(sign_name(sign) for sign in summary.not_asked)
    lines.append(f"Not asked about, and not mentioned above: {names or 'none'}.")
    return lines


def _recommendation(summary: Summary, clock: _Clock) -> list[str]:
    lines = ["Recommendation", "None of its own. The assistant told the person:"]
    lines += [f"At {clock.short(told.at)}: {told.text}." for told in summary.told]
    if not summary.told:
        lines[-1] = "None of its own. The assistant gave no answers."
    lines.append("The answers are general information from five articles, not medical advice.")
    return lines


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"


def summary_data(summary: Summary, reference: str = "") -> dict[str, Any]:
    """Return the summary as plain data that JSON can hold; times are ISO 8601."""
    contact = summary.contact
    return {
        "format": FORMAT,
        "reference": reference,
        "site": summary.site,
        "written_at": summary.written_at.isoformat(),
        "situation": {
            "words": [
                {
                    "number": quote.number,
                    "at": quote.at.isoformat(),
                    "text": quote.text,
                    "corrected": quote.corrected,
                }
                for quote in summary.words
            ],
            "left_out": summary.words_left_out,
            "earlier_not_shown": summary.earlier_words,
            "chosen": [{"topic": t, "at": at.isoformat()} for t, at in summary.chosen],
            "note": summary.note,
            "contact": {"kind": contact.kind, "value": contact.value} if contact else None,
        },
        "background": {
            "volunteered": [{"number": n, "text": text} for n, text in summary.volunteered]
        },
        "assessment": {
            "clinical": NO_ASSESSMENT,
            **{
                group: [
                    {"sign": m.sign, "name": sign_name(m.sign), "number": m.number,
                     "at": m.at.isoformat()}
                    for m in mentions
                ]
                for group, mentions in summary.signs.items()
            },
            "not_asked": list(summary.not_asked),
        },
        "recommendation": {
            "told": [
                {
                    "at": told.at.isoformat(),
                    "text": told.text,
                    "topic": told.topic,
                    "articles": list(told.articles),
                }
                for told in summary.told
            ]
        },
    }  # fmt: skip
