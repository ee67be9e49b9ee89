"""Builds trackers, so that a test of an action reads as a conversation."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker


class Conversation:
    """Collects events; every method returns the conversation itself."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = [{"event": "session_started"}]
        self._latest: dict[str, Any] = {}

    def user(self, text: str, **parsed: Any) -> Conversation:
        """Add a message of the person, with what the understanding made of it."""
        self._latest = {"text": text, **parsed}
        self._events.append({"event": "user", "text": text, "parse_data": self._latest})
        return self

    def says(self, response: str, topic: str | None = None) -> Conversation:
        """Add a response of the assistant."""
        details: dict[str, Any] = {"utter_action": response}
        if topic:
            details["metadata"] = {"topic": topic}
        self._events.append({"event": "bot", "text": response, "metadata": details})
        return self

    def answers(self, *intents: str) -> Conversation:
        """Add a question and the answer of each intent."""
        for intent in intents:
            self.user(intent).says(f"utter_{intent}", topic=intent)
        return self

    def new_session(self) -> Conversation:
        """Start another session."""
        self._events.append({"event": "session_started"})
        return self

    def tracker(self) -> Tracker:
        """Return the tracker that an action would be given."""
        return Tracker("somebody", {}, self._latest, self._events, False, None, {}, "action_listen")
