"""Answers "where does that come from?" for the last answer."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.conversation import last_answer
from actions.register import register
from stridewell.content.register import Article


class ActionShowSources(Action):
    """Names the articles behind the last answer and what kind of source each is."""

    def name(self) -> str:
        """Return the action's name."""
        return "action_show_sources"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Utter the sources, or say that there is no answer yet; sets nothing."""
        topic = last_answer(tracker, register())
        if topic is None:
            dispatcher.utter_message(response="utter_no_sources_yet")
            return []
        dispatcher.utter_message(
            text=describe_sources(register().topics[topic].title, register().sources_of(topic)),
            metadata={"articles": [article.id for article in register().sources_of(topic)]},
        )
        return []


def describe_sources(title: str, articles: tuple[Article, ...]) -> str:
    """Return a sentence for each article: its title and what kind of source it is."""
    count = "one article" if len(articles) == 1 else f"{len(articles)} articles"
    listed = "; ".join(f'"{article.title}" ({article.kind})' for article in articles)
    return (
        f"My answer on {title[:1].lower()}{title[1:]} comes from {count}: {listed}. "
        'None of them is a medical study. Say "tell me more" to hear what each one says.'
    )
