"""The person's view of a conversation: events of a tracker in, messages for the widget out.

Ids are stable: a person's message keeps the id that it was sent with, and the replies to it are
numbered, ``<id>.0``, ``<id>.1``; a choice is numbered below its reply, ``<id>.0.2``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rasa.shared.core.events import BotUttered, Event, UserUttered

from stridewell.content.register import Register

SAFETY = {"utter_emergency", "utter_same_day", "utter_crisis", "utter_safety_note"}
DISCLAIMERS = {"utter_medical_disclaimer", "utter_medical_reminder"}
SHOWN = "shown"
START = "start"


@dataclass(frozen=True)
class Choice:
    """A choice that was offered: what the button says, and what it means to the assistant."""

    title: str
    payload: str


def describe_reply(
    reply_id: str, message: Mapping[str, Any], register: Register, time: float
) -> dict[str, Any]:
    """Describe one message of the assistant.

    Args:
        reply_id: Its id.
        message: Text, ``buttons``, ``custom``, ``utter_action`` and ``metadata``, as Rasa hands
            it to a channel.
        register: The article register.
        time: When it was said, in seconds since 1970.

    Returns:
        A message in the form of the API's schema ``Message``.
    """
    details = message.get("metadata") or {}
    topic = details.get("topic")
    known = register.topics.get(topic) if isinstance(topic, str) else None
    articles = [
        register.articles[name]
        for name in details.get("articles") or ()
        if name in register.articles and known
    ]
    return {
        "id": reply_id,
        "from": "assistant",
        "text": str(message.get("text") or ""),
        "time": time,
        "kind": _kind(message.get("utter_action"), bool(known)),
        "topic": known.id if known else None,
        "choices": [
            {"id": f"{reply_id}.{number}", "title": str(button.get("title", ""))}
            for number, button in enumerate(message.get("buttons") or ())
        ],
        "sources": [
            {"id": article.id, "title": article.title, "kind": article.kind} for article in articles
        ],
        "rating": None,
        **({"file": file} if (file := _file(message)) else {}),
    }


def is_shown(message: Mapping[str, Any]) -> bool:
    """Tell whether there is anything in a message that the widget can show."""
    return bool(message.get("text")) or _file(message) is not None


def describe_conversation(
    events: Iterable[Event], register: Register, ratings: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Describe a whole conversation.

    Args:
        events: The tracker's events, oldest first.
        register: The article register.
        ratings: The person's ratings by id of the reply.

    Returns:
        Its messages, oldest first. A message that had to be sent anew appears once.
    """
    shown: dict[str, dict[str, Any]] = {}
    for event, said_id in _numbered(events):
        if isinstance(event, UserUttered):
            shown[said_id] = {
                "id": said_id,
                "from": "person",
                "text": _shown_text(event),
                "time": event.timestamp,
            }
        elif isinstance(event, BotUttered) and is_shown(event.message()):
            described = describe_reply(said_id, event.message(), register, event.timestamp)
            shown[said_id] = {**described, "rating": ratings.get(said_id)}
    return list(shown.values())


def replies_to(
    message_id: str, events: Iterable[Event], register: Register
) -> list[dict[str, Any]] | None:
    """Find what was replied to a message.

    Returns:
        The replies, or None when the message has not arrived before. An empty list means that it
        did arrive and got no reply.
    """
    arrived = False
    replies: dict[str, dict[str, Any]] = {}
    for event, said_id in _numbered(events):
        if isinstance(event, UserUttered) and said_id == message_id:
            arrived = True
        elif (
            isinstance(event, BotUttered)
            and said_id.rpartition(".")[0] == message_id
            and is_shown(event.message())
        ):
            replies[said_id] = describe_reply(said_id, event.message(), register, event.timestamp)
    return list(replies.values()) if arrived else None


def offered_choice(choice_id: str, events: Iterable[Event]) -> Choice | None:
    """Find a choice among those that the assistant offered in this conversation."""
    reply_id, _, number = choice_id.rpartition(".")
    for event, said_id in _numbered(events):
        if said_id != reply_id or not isinstance(event, BotUttered):
            continue
        buttons = event.data.get("buttons") or []
        if number.isdecimal() and int(number) < len(buttons):
            button = buttons[int(number)]
            title = str(button.get("title", ""))
            return Choice(title=title, payload=str(button.get("payload") or title))
    return None


def starters(topics: Iterable[str], register: Register) -> dict[str, Choice]:
    """Return the questions that every conversation is offered at its start, by id of the choice."""
    return {
        f"{START}.{topic}": Choice(register.topics[topic].question, f"/{topic}")
        for topic in topics
        if topic in register.topics
    }


def _file(message: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the file that the hand-off offers with its summary."""
    offered = (message.get("custom") or {}).get("handoff_summary")
    if not isinstance(offered, Mapping) or not isinstance(offered.get("text"), str):
        return None
    return {"name": f"{offered.get('file_name') or 'summary'}.txt", "text": offered["text"]}


def _kind(response: str | None, is_answer: bool) -> str:
    if response in SAFETY:
        return "safety"
    if response in DISCLAIMERS:
        return "disclaimer"
    return "answer" if is_answer else "other"


def _numbered(events: Iterable[Event]) -> Iterable[tuple[Event, str]]:
    """Yield the messages of both sides, each with its id."""
    message_id, replies = START, 0
    for event in events:
        if isinstance(event, UserUttered):
            if event.text is None:
                continue
            message_id, replies = event.message_id or "", 0
            yield event, message_id
        elif isinstance(event, BotUttered):
            yield event, f"{message_id}.{replies}"
            replies += 1


def _shown_text(event: UserUttered) -> str:
    shown = (event.metadata or {}).get(SHOWN)
    return shown if isinstance(shown, str) else event.text or ""
