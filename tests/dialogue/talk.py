"""Talks to the trained assistant in this process: real model, real actions, no network."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from rasa.core.agent import Agent
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered
from rasa.utils.endpoints import EndpointConfig
from rasa.utils.log_utils import configure_structlog
from rasa_sdk.executor import ActionExecutor

LISTENS = {"action_listen", "action_session_start"}


class ActionsHere(EndpointConfig):
    """Runs the project's custom actions in this process instead of calling a server."""

    def __init__(self) -> None:
        super().__init__("http://actions.invalid/")
        self._executor = ActionExecutor()
        self._executor.register_package("actions")

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Run the action that the dialogue server asks for."""
        return await self._executor.run(kwargs["json"])


@dataclass
class Turn:
    """What happened in one turn.

    Attributes:
        actions: The actions that ran, in order, listening left out.
        responses: Names of the responses said.
        topics: The topics answered or declined, in order.
        texts: What was said.
        parsed: What was made of the message.
    """

    actions: list[str] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    parsed: dict[str, Any] = field(default_factory=dict)


class Talk:
    """Conversations with one loaded model.

    Args:
        model: The model's archive.
    """

    def __init__(self, model: Path) -> None:
        configure_structlog(logging.ERROR)
        self._loop = asyncio.new_event_loop()
        self._agent = Agent.load(str(model), action_endpoint=ActionsHere())

    def close(self) -> None:
        """Free what the conversations used."""
        self._loop.close()

    def say(self, *messages: str) -> list[Turn]:
        """Have a conversation of its own and return its turns."""
        sender = uuid4().hex
        for message in messages:
            self._loop.run_until_complete(self._agent.handle_text(message, sender_id=sender))
        store = self._agent.tracker_store
        tracker = self._loop.run_until_complete(store.get_or_create_tracker(sender))
        turns: list[Turn] = []
        for event in tracker.events:
            if isinstance(event, UserUttered):
                turns.append(Turn(parsed=dict(event.parse_data or {})))
            elif turns and isinstance(event, ActionExecuted):
                if event.action_name not in LISTENS:
                    turns[-1].actions.append(event.action_name or "")
            elif turns and isinstance(event, BotUttered):
                details = event.metadata or {}
                topic = (details.get("metadata") or {}).get("topic")
                turns[-1].responses.append(details.get("utter_action") or "")
                turns[-1].topics += [topic] if topic else []
                turns[-1].texts.append(event.text or "")
        return turns

    def parse(self, message: str) -> dict[str, Any]:
        """Return what is made of a message."""
        parsed: dict[str, Any] = self._loop.run_until_complete(self._agent.parse_message(message))
        return parsed
