"""When action_medical_disclaimer speaks, and what it says."""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions.medical_disclaimer import ActionMedicalDisclaimer
from tests.actions.trackers import Conversation


def said_after(conversation: Conversation) -> list[str]:
    """Run the action and return the responses that it utters."""
    dispatcher = CollectingDispatcher()
    assert ActionMedicalDisclaimer().run(dispatcher, conversation.tracker(), {}) == []
    return [message["response"] for message in dispatcher.messages]


def test_the_first_answer_gets_the_full_disclaimer() -> None:
    assert said_after(Conversation().answers("ask_swimming")) == ["utter_medical_disclaimer"]


def test_the_second_answer_gets_none() -> None:
    conversation = Conversation().answers("ask_swimming").says("utter_medical_disclaimer")
    assert said_after(conversation.answers("ask_cycling")) == []


def test_the_second_safety_relevant_answer_gets_a_reminder() -> None:
    conversation = Conversation().answers("ask_swimming").says("utter_medical_disclaimer")
    conversation.answers("ask_cycling", "ask_when_to_stop")
    assert said_after(conversation) == ["utter_medical_reminder"]


def test_the_fourth_answer_gets_a_reminder() -> None:
    conversation = Conversation().answers("ask_swimming").says("utter_medical_disclaimer")
    conversation.answers("ask_cycling", "ask_swimming", "ask_bone_density")
    assert said_after(conversation) == []
    assert said_after(conversation.answers("ask_cycling")) == ["utter_medical_reminder"]


def test_a_reminder_starts_the_count_anew() -> None:
    conversation = Conversation().answers("ask_swimming").says("utter_medical_disclaimer")
    conversation.answers("ask_cycling", "ask_when_to_stop").says("utter_medical_reminder")
    assert said_after(conversation.answers("ask_when_to_stop")) == []


def test_a_new_session_gets_the_full_disclaimer_again() -> None:
    conversation = Conversation().answers("ask_swimming").says("utter_medical_disclaimer")
    conversation.new_session().answers("ask_swimming")
    assert said_after(conversation) == ["utter_medical_disclaimer"]


def test_a_declined_topic_counts_as_an_answer_only_for_reminders() -> None:
    conversation = Conversation().answers("ask_swimming").says("utter_medical_disclaimer")
    conversation.answers("ask_medication", "ask_when_to_stop")
    assert said_after(conversation) == ["utter_medical_reminder"]
