"""What "where does that come from?" and "tell me more" say."""

from __future__ import annotations

import pytest
from rasa_sdk import Action
from rasa_sdk.executor import CollectingDispatcher

from actions.register import register
from actions.show_more import ActionShowMore, describe_views
from actions.show_sources import ActionShowSources
from tests.actions.trackers import Conversation

ANSWERED = [topic.id for topic in register().topics.values() if topic.says]


def run(action: Action, conversation: Conversation) -> dict[str, object]:
    """Run an action and return the one message that it utters."""
    dispatcher = CollectingDispatcher()
    action.run(dispatcher, conversation.tracker(), {})
    (message,) = dispatcher.messages
    return dict(message)


@pytest.mark.parametrize("topic", ANSWERED)
def test_the_sources_of_an_answer_are_those_of_the_register(topic: str) -> None:
    message = run(ActionShowSources(), Conversation().answers(topic).user("source?"))
    assert message["metadata"] == {"articles": list(register().topics[topic].says)}
    for article in register().sources_of(topic):
        assert f'"{article.title}" ({article.kind})' in str(message["text"])


@pytest.mark.parametrize("topic", ANSWERED)
def test_the_longer_view_holds_a_line_for_each_article(topic: str) -> None:
    lines = describe_views(topic, register()).splitlines()
    assert len(lines) == 1 + len(register().topics[topic].says)
    assert all(lines), "an empty line would split the message on some channels"


def test_sources_are_those_of_the_last_answer_even_after_small_talk() -> None:
    conversation = Conversation().answers("ask_swimming", "ask_running_surface")
    conversation.user("thanks").says("utter_thank_you")
    assert run(ActionShowSources(), conversation)["metadata"] == {"articles": ["sciatica-running"]}


def test_a_declined_topic_is_no_answer_to_name_sources_of() -> None:
    conversation = Conversation().answers("ask_running_surface", "ask_medication")
    assert run(ActionShowSources(), conversation)["metadata"] == {"articles": ["sciatica-running"]}


def test_without_an_answer_there_are_no_sources_yet() -> None:
    message = run(ActionShowSources(), Conversation().user("source?"))
    assert message["response"] == "utter_no_sources_yet"


def test_without_an_answer_there_is_nothing_more_to_tell() -> None:
    message = run(ActionShowMore(), Conversation().user("tell me more"))
    assert message["response"] == "utter_ask_again"


def test_an_answer_of_an_earlier_session_is_not_the_last_answer() -> None:
    conversation = Conversation().answers("ask_swimming").new_session().user("source?")
    assert run(ActionShowSources(), conversation)["response"] == "utter_no_sources_yet"
