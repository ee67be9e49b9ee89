"""Answers "tell me more": what each article says on the last topic."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.conversation import last_answer
from actions.register import register
from stridewell.content.register import Register


class ActionShowMore(Action):
    """Gives the longer view of the last topic, article by article."""

    def name(self) -> str:
        """Return the action's name."""
        return "action_show_more"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Utter one line an article, or ask what the person would like to know; sets nothing."""
        topic = last_answer(tracker, register())
        if topic is None:
            dispatcher.utter_message(response="utter_ask_again")
            return []
        dispatcher.utter_message(
            text=describe_views(topic, register()),
            metadata={"articles": list(register().topics[topic].says)},
        )
        return []


def describe_views(topic: str, register: Register) -> str:
    """Return what each article says on a topic, one line an article."""
    lines = [f"What the articles say on this ({register.topics[topic].question})"]
    for name, line in register.topics[topic].says.items():
        article = register.articles[name]
        lines.append(f'"{article.title}" ({article.kind}): {line}')
    return "\n".join(lines)
