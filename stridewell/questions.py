"""Finds the questions of a message: its parts as they were understood in, intents out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stridewell.follow_ups import FollowUp, FollowUps
from stridewell.language import Part

MOST_QUESTIONS = 2


@dataclass(frozen=True)
class Asked:
    """A part that asks something.

    Attributes:
        wordings: Its words, and then the same with the subject of the message put in.
        follow_up: What it is when it leans on what was said before it.
        subjects: The subjects that it names.
    """

    wordings: list[str]
    follow_up: FollowUp | None
    subjects: tuple[str, ...]


def asked_parts(
    parts: Sequence[Part], follow_ups: FollowUps, subjects: Sequence[str]
) -> list[Asked]:
    """Return the parts that ask something when there are several of them.

    Args:
        parts: All parts of a message.
        follow_ups: For parts that lean on the one before.
        subjects: The subjects that the whole message names.

    Returns:
        At least two parts, closing lines ("any advice?") left out, or none at all.
    """
    asking = [part.span for part in parts if part.asks]
    if len(asking) < 2:
        return []
    spans = [asking[0], *(span for span in asking[1:] if not follow_ups.closes(span))]
    if len(spans) < 2:
        return []
    named = subjects[0] if len(subjects) == 1 else ""
    return [
        Asked(
            [span.text, *follow_ups.with_subjects(span).get(named, [])],
            follow_ups.recognize(span),
            follow_ups.subjects(span),
        )
        for span in spans
    ]


def intents_asked(
    asked: Sequence[Asked],
    understood: Callable[[Sequence[Sequence[str]]], list[str | None]],
    follow_ups: FollowUps,
    subjects: Sequence[str],
) -> list[str]:
    """Return the intents of at least two different questions, or nothing.

    Args:
        asked: The parts that ask something.
        understood: Gives the intent of each part from its wordings, ``None`` where it isn't sure.
        follow_ups: For parts that lean on the one before.
        subjects: The subjects that the whole message names.

    Returns:
        Two intents in order of appearance; an empty list when there are fewer than two.
    """
    if len(asked) < 2:
        return []
    intents = understood([item.wordings for item in asked])
    named = subjects[0] if len(subjects) == 1 else None
    found: list[str] = []
    topic: str | None = None
    subject: str | None = None
    for item, intent in zip(asked, intents, strict=True):
        own = item.subjects[0] if len(item.subjects) == 1 else None
        wanted = own or subject or named
        topic = _topic(item, intent, topic, wanted, follow_ups) or topic
        if topic is None:
            continue
        subject = own or follow_ups.table.subject_of(topic) or subject
        counts = topic.startswith("ask_") and topic not in follow_ups.table.not_counted
        if counts and topic not in found:
            found.append(topic)
    return found[:MOST_QUESTIONS] if len(found) > 1 else []


def _topic(
    item: Asked, intent: str | None, before: str | None, subject: str | None, follow_ups: FollowUps
) -> str | None:
    table = follow_ups.table
    leans = item.follow_up
    if leans and (before or leans.things):
        resolved = table.resolve(leans, before, subject)
        if resolved not in ("ask_more", "ask_sources"):
            return resolved
    if intent and not item.subjects:
        return table.twin(intent, subject) or intent
    return intent
