"""What follows a message that was not understood."""

from __future__ import annotations

from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from actions.register import register
from actions.suggest_topics import ActionSuggestTopics
from tests.actions.trackers import Conversation

MISS = "utter_nlu_fallback"


def said_after(conversation: Conversation) -> list[dict[str, Any]]:
    """Run the action and return the messages that it utters."""
    dispatcher = CollectingDispatcher()
    ActionSuggestTopics().run(dispatcher, conversation.tracker(), {})
    return list(dispatcher.messages)


def missed(outcome: str, *choices: str) -> Conversation:
    """Start a conversation with a message that was not understood."""
    understanding = {"outcome": outcome, "choices": list(choices)}
    return Conversation().user("hm?", understanding=understanding).says(MISS)


def test_near_misses_are_offered_by_their_titles() -> None:
    (message,) = said_after(missed("choose", "ask_swimming", "ask_cycling"))
    assert message["response"] == "utter_did_you_mean"
    assert message["buttons"] == [
        {"title": register().topics["ask_swimming"].title, "payload": "/ask_swimming"},
        {"title": register().topics["ask_cycling"].title, "payload": "/ask_cycling"},
    ]


def test_no_more_than_three_choices_are_offered() -> None:
    choices = ["ask_swimming", "ask_cycling", "ask_walking", "ask_footwear"]
    (message,) = said_after(missed("choose", *choices))
    assert len(message["buttons"]) == 3


def test_small_talk_is_never_offered_as_a_choice() -> None:
    (message,) = said_after(missed("choose", "greet", "ask_walking"))
    assert [button["payload"] for button in message["buttons"]] == ["/ask_walking"]


def test_a_message_far_from_all_topics_gets_no_choices() -> None:
    assert said_after(missed("unknown", "ask_swimming")) == []


def test_the_second_miss_in_a_row_gets_the_offer_of_a_hand_off() -> None:
    (message,) = said_after(missed("unknown").user("what?").says(MISS))
    assert message["response"] == "utter_nlu_fallback_handoff"


def test_an_answer_between_two_misses_starts_the_count_anew() -> None:
    conversation = missed("unknown").answers("ask_swimming").user("hm").says(MISS)
    assert said_after(conversation) == []
