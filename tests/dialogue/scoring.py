"""Scores a set of dialogues: which went right, and a message that lists those that did not."""

from __future__ import annotations

from collections.abc import Sequence

from tests.dialogue.talk import Turn

NOT_REPLIES = {"action_medical_disclaimer", "action_suggest_topics", "utter_safety_note"}
ACTION_TOPICS = {"action_show_more": "ask_more", "action_show_sources": "ask_sources"}


def replied(turn: Turn) -> list[str]:
    """Return the topics that a turn replied to, in order."""
    return [
        ACTION_TOPICS.get(action, action.removeprefix("utter_"))
        for action in turn.actions
        if action not in NOT_REPLIES
    ]


def fits(topics: Sequence[str], wanted: Sequence[Sequence[str]]) -> bool:
    """Tell whether each topic is one of those wanted in its place, and none is left over."""
    return len(topics) == len(wanted) and all(
        topic in allowed for topic, allowed in zip(topics, wanted, strict=True)
    )


def report(wrong: Sequence[str], total: int) -> str:
    """Return the share that went right and all that did not."""
    return f"{total - len(wrong)} of {total} right. Not right:\n" + "\n".join(wrong)
