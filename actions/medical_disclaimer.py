"""Decides after a medical answer whether a disclaimer is due."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.conversation import Utterance, utterances
from actions.register import register
from stridewell.content.register import Register

FULL = "utter_medical_disclaimer"
REMINDER = "utter_medical_reminder"
ANSWERS_BETWEEN_REMINDERS = 4
ANSWERS_BETWEEN_SAFETY_REMINDERS = 2


class ActionMedicalDisclaimer(Action):
    """Adds the full disclaimer once a session, and now and then a reminder.

    The full text, with the offer to talk to a professional, follows the first answer. After that
    a reminder follows every fourth answer, or every second when the answer is about running with
    pain or about treatment.
    """

    def name(self) -> str:
        """Return the action's name."""
        return "action_medical_disclaimer"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Utter what is due; sets nothing."""
        response = due_disclaimer(utterances(tracker), register())
        if response:
            dispatcher.utter_message(response=response)
        return []


def due_disclaimer(said: list[Utterance], topics: Register) -> str | None:
    """Choose the disclaimer that follows the latest answer.

    Args:
        said: What the assistant said in this session, oldest first.
        topics: The article register.

    Returns:
        The name of a response, or None when nothing is due.
    """
    if not any(utterance.response == FULL for utterance in said):
        return FULL
    since: list[str] = []
    for utterance in reversed(said):
        if utterance.response in (FULL, REMINDER):
            break
        if utterance.topic:
            since.append(utterance.topic)
    if not since:
        return None
    latest = topics.topics.get(since[0])
    relevant = latest is not None and latest.safety_relevant
    between = ANSWERS_BETWEEN_SAFETY_REMINDERS if relevant else ANSWERS_BETWEEN_REMINDERS
    return REMINDER if len(since) >= between else None
