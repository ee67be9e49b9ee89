"""Reads a conversation: the events of a tracker in, what was said and answered out.

Answers in the hand-off form are no part of the conversation that the form sends on, but a question
asked in the middle of the form is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]

FORM = "handoff_form"
FORM_ACTIONS = frozenset(
    {
        FORM,
        "action_listen",
        "action_extract_slots",
        "action_submit_handoff",
        "action_deactivate_loop",
    }
)
SMALL_TALK = frozenset({"greet", "goodbye", "thank_you", "affirm", "deny", "bot_challenge"})
SMALL_TALK_WORDS = 4
# About the assistant, or asking for a person: long enough, it may tell of the person too.
REQUEST = "request_handoff"
ABOUT_THE_ASSISTANT = frozenset(
    {
        REQUEST,
        "ask_privacy",
        "delete_my_data",
        "ask_what_can_you_do",
        "ask_sources",
        "ask_more",
        "give_positive_feedback",
        "give_negative_feedback",
    }
)
ABOUT_THE_ASSISTANT_WORDS = 8


@dataclass(frozen=True)
class Finding:
    """Warning signs in a message: what it says about them and when."""

    signs: tuple[str, ...]
    status: str
    at: float
    number: int | None


@dataclass(frozen=True)
class Words:
    """A message in the person's own words; the number stays with it when others are left out."""

    number: int
    text: str
    at: float


@dataclass(frozen=True)
class Choice:
    """A topic chosen with a button."""

    intent: str
    at: float


@dataclass(frozen=True)
class Reply:
    """Something the assistant said: the response, and the topic it answers, if any."""

    response: str
    topic: str | None
    at: float


@dataclass(frozen=True)
class Conversation:
    """A conversation since its session began, oldest first."""

    words: tuple[Words, ...]
    choices: tuple[Choice, ...]
    findings: tuple[Finding, ...]
    replies: tuple[Reply, ...]
    channel: str


def read_conversation(events: Sequence[Event]) -> Conversation:
    """Read the present session.

    Args:
        events: The tracker's events as JSON gives them, oldest first.

    Returns:
        What the person said and chose, the warning signs in it, and what the assistant replied.
    """
    words: list[Words] = []
    choices: list[Choice] = []
    findings: list[Finding] = []
    replies: list[Reply] = []
    channel = ""
    for turn in _turns(session_events(events)):
        channel = str(turn.user.get("input_channel") or channel)
        if not turn.answers_form:
            _read_user(turn.user, words, choices, findings)
        replies.extend(_replies(turn.rest))
    return Conversation(tuple(words), tuple(choices), tuple(findings), tuple(replies), channel)


def session_events(events: Sequence[Event]) -> list[Event]:
    """Return the events since the session began or was restarted."""
    for position in range(len(events) - 1, -1, -1):
        if events[position].get("event") in ("session_started", "restart"):
            return list(events[position + 1 :])
    return list(events)


def finding_of(user: Event) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return tier, status and signs of a user event; tier and status are None without a sign."""
    safety = (user.get("parse_data") or {}).get("safety") or {}
    return safety.get("tier"), safety.get("status"), tuple(safety.get("signs") or ())


def intent_of(user: Event) -> str:
    """Return the intent of a user event."""
    return ((user.get("parse_data") or {}).get("intent") or {}).get("name") or ""


@dataclass(frozen=True)
class _Turn:
    user: Event
    rest: list[Event]
    answers_form: bool


def _turns(events: Sequence[Event]) -> list[_Turn]:
    starts = [n for n, event in enumerate(events) if event.get("event") == "user"]
    turns: list[_Turn] = []
    in_form = False
    for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
        rest = list(events[start + 1 : end])
        turns.append(_Turn(events[start], rest, in_form and not _answered_otherwise(rest)))
        for event in rest:
            if event.get("event") == "active_loop":
                in_form = event.get("name") == FORM
    return turns


def _answered_otherwise(rest: Sequence[Event]) -> bool:
    return any(
        event.get("event") == "action" and event.get("name") not in FORM_ACTIONS for event in rest
    )


def _read_user(
    user: Event, words: list[Words], choices: list[Choice], findings: list[Finding]
) -> None:
    text = str(user.get("text") or "")
    at = float(user.get("timestamp") or 0.0)
    intent = intent_of(user)
    tier, status, signs = finding_of(user)
    if text.startswith("/"):
        if intent and intent != REQUEST and intent not in SMALL_TALK:
            choices.append(Choice(intent, at))
        return
    if not tier and _is_small_talk(intent, text):
        return
    if not text.strip():
        return
    number = len(words) + 1
    words.append(Words(number, text, at))
    if tier:
        findings.append(Finding(signs, status or "self", at, number))


def _is_small_talk(intent: str, text: str) -> bool:
    if intent in SMALL_TALK:
        return len(text.split()) <= SMALL_TALK_WORDS
    return intent in ABOUT_THE_ASSISTANT and len(text.split()) <= ABOUT_THE_ASSISTANT_WORDS


def _replies(rest: Sequence[Event]) -> list[Reply]:
    found = []
    for event in rest:
        if event.get("event") == "bot":
            details = event.get("metadata") or {}
            topic = (details.get("metadata") or {}).get("topic")
            found.append(
                Reply(details.get("utter_action") or "", topic, float(event.get("timestamp") or 0))
            )
    return found
