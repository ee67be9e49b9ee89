"""Helps on when a message was not understood."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.conversation import previous_turn
from actions.register import register
from stridewell.content.register import Register

FIRST_MISS = "utter_nlu_fallback"
MOST_CHOICES = 3


class ActionSuggestTopics(Action):
    """Offers up to three topics that may be meant; on the second miss in a row, the hand-off."""

    def name(self) -> str:
        """Return the action's name."""
        return "action_suggest_topics"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Utter choices or the offer of a hand-off; sets nothing."""
        if any(said.response == FIRST_MISS for said in previous_turn(tracker)):
            dispatcher.utter_message(response="utter_nlu_fallback_handoff")
            return []
        understanding = (tracker.latest_message or {}).get("understanding") or {}
        buttons = choices(understanding.get("choices") or [], register())
        if understanding.get("outcome") == "choose" and buttons:
            dispatcher.utter_message(response="utter_did_you_mean", buttons=buttons)
        return []


def choices(intents: list[str], register: Register) -> list[dict[str, str]]:
    """Return a button with a human title for each intent that is a topic, three at most."""
    return [
        {"title": register.topics[intent].title, "payload": f"/{intent}"}
        for intent in intents
        if intent in register.topics
    ][:MOST_CHOICES]
