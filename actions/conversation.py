"""Reads a conversation: a tracker in, what was answered and said in this session out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker

from stridewell.content.register import Register


@dataclass(frozen=True)
class Utterance:
    """A message of the assistant: the name of its response and the topic it answers, if any."""

    response: str | None
    topic: str | None


def session_events(tracker: Tracker) -> list[Mapping[str, Any]]:
    """Return the events since the session started, oldest first."""
    events = list(tracker.events)
    for position in range(len(events) - 1, -1, -1):
        if events[position].get("event") == "session_started":
            return events[position + 1 :]
    return events


def utterances(tracker: Tracker) -> list[Utterance]:
    """Return what the assistant said in this session, oldest first."""
    return [_utterance(event) for event in session_events(tracker) if event.get("event") == "bot"]


def answered_topics(tracker: Tracker, register: Register) -> list[str]:
    """Return the topics answered from the articles in this session, oldest first."""
    return [
        said.topic
        for said in utterances(tracker)
        if said.topic and said.topic in register.topics and register.topics[said.topic].says
    ]


def last_answer(tracker: Tracker, register: Register) -> str | None:
    """Return the topic answered last in this session."""
    return next(reversed(answered_topics(tracker, register)), None)


def previous_turn(tracker: Tracker) -> list[Utterance]:
    """Return what the assistant said between the last two messages of the user."""
    return next(_turns_backwards(tracker), [])


def _turns_backwards(tracker: Tracker) -> Iterator[list[Utterance]]:
    turn: list[Utterance] = []
    current = True
    for event in reversed(session_events(tracker)):
        if event.get("event") == "user":
            if not current:
                yield turn[::-1]
            turn, current = [], False
        elif event.get("event") == "bot":
            turn.append(_utterance(event))
    if not current:
        yield turn[::-1]


def _utterance(event: Mapping[str, Any]) -> Utterance:
    details = event.get("metadata") or {}
    return Utterance(details.get("utter_action"), (details.get("metadata") or {}).get("topic"))
