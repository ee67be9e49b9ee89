"""Writes turns into a tracker store as the dialogue server would."""

from __future__ import annotations

from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.events import (
    ActionExecuted,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

START = (ActionExecuted("action_session_start"), SessionStarted(), ActionExecuted("action_listen"))


def said(text: str, message_id: str | None = None, **parsed: Any) -> UserUttered:
    """A message of a person."""
    intent = {"name": "ask_swimming", "confidence": 0.9}
    return UserUttered(
        text,
        intent,
        parse_data={"intent": intent, "entities": [], "text": text, **parsed},
        message_id=message_id,
        input_channel="rest",
    )


def turn(text: str, *more: Event, message_id: str | None = None, **parsed: Any) -> list[Event]:
    """A message with its answer."""
    return [
        said(text, message_id, **parsed),
        *more,
        ActionExecuted("utter_ask_swimming"),
        BotUttered(f"An answer to {text}", metadata={"utter_action": "utter_ask_swimming"}),
        ActionExecuted("action_listen"),
    ]


async def take_turn(store: TrackerStore, sender: str, events: list[Event]) -> DialogueStateTracker:
    """Read a conversation, add a turn and store it."""
    tracker = await store.get_or_create_tracker(sender, append_action_listen=False)
    if not tracker.events:
        tracker.update_with_events(list(START), None)
    tracker.update_with_events(events, None)
    await store.save(tracker)
    return tracker


async def texts(store: TrackerStore, sender: str) -> list[str]:
    """All that a person wrote, as it is stored."""
    tracker = await store.retrieve_full_tracker(sender)
    events = tracker.events if tracker else []
    return [event.text for event in events if isinstance(event, UserUttered)]


__all__ = ["START", "SlotSet", "said", "take_turn", "texts", "turn"]
