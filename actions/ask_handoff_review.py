"""Asks whether the summary is right: shows it once more, as it would be sent."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.handoff import EDIT, Draft, handoff_settings, show_summary


class ActionAskHandoffReview(Action):
    """Shows the summary with note and contact, and asks whether to send it."""

    def name(self) -> str:
        """Return the action's name."""
        return "action_ask_handoff_review"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Utter the summary and the question; sets nothing."""
        show_summary(dispatcher, tracker, handoff_settings())
        if Draft.of(tracker).mode == EDIT:
            dispatcher.utter_message(response="utter_handoff_take_along")
        else:
            dispatcher.utter_message(response="utter_handoff_review")
        return []
