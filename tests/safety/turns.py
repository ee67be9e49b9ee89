"""Plays turns through the real policy, the real responses and Rasa's own text filling.

Only the understanding is left out: what the screen found in a message is given. What the rules
would say is not played; a turn that the policy leaves to them gives nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rasa.core.actions.action import ActionBotResponse
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from components.turn_policy import TurnPolicy

MOST_ACTIONS = 8


@dataclass(frozen=True)
class Said:
    """One step of a reply: the action, and its text if it is a response."""

    action: str
    text: str = ""


class Conversation:
    """A conversation with the real policy, from one message to the next."""

    def __init__(self, domain: Domain, folder: Path, channel: str = "rest") -> None:
        self.domain = domain
        self.channel = channel
        self.tracker = DialogueStateTracker("somebody", domain.slots)
        self._generator = TemplatedNaturalLanguageGenerator(domain.responses)
        self._policy = TurnPolicy(
            TurnPolicy.get_default_config(),
            LocalModelStorage(folder),
            Resource("turn_policy"),
            ExecutionContext(GraphSchema({})),
        )

    def happened(self, *events: Event) -> None:
        """Add events that came before."""
        self.tracker.update_with_events(list(events), self.domain)

    def say(
        self,
        safety: Mapping[str, Any] | None = None,
        intent: str = "nlu_fallback",
        text: str = "the words do not matter here",
        questions: Sequence[str] = (),
    ) -> list[Said]:
        """Send a message as it was understood and return the reply, ending where it listens."""
        self.happened(
            UserUttered(
                text,
                {"name": intent, "confidence": 1.0},
                parse_data={
                    "text": text,
                    "intent": {"name": intent, "confidence": 1.0},
                    "understanding": {"questions": list(questions)},
                    "safety": dict(safety or {"tier": None, "status": None}),
                },
            )
        )
        reply: list[Said] = []
        for _ in range(MOST_ACTIONS):
            prediction = self._policy.predict_action_probabilities(self.tracker, self.domain)
            if not prediction.max_confidence:
                return reply
            self.happened(*prediction.optional_events)
            name = self.domain.action_names_or_texts[
                prediction.probabilities.index(prediction.max_confidence)
            ]
            self.happened(ActionExecuted(name))
            if name == ACTION_LISTEN_NAME:
                return reply
            reply.append(Said(name, self._utter(name)))
        raise AssertionError(f"the reply does not end: {[said.action for said in reply]}")

    def _utter(self, name: str) -> str:
        if name not in self.domain.responses:
            return ""
        output = CollectingOutputChannel()
        output.name = lambda: self.channel  # type: ignore[assignment, method-assign]
        events = asyncio.run(
            ActionBotResponse(name).run(output, self._generator, self.tracker, self.domain)
        )
        self.happened(*events)
        return " ".join(event.text or "" for event in events if isinstance(event, BotUttered))


def found(tier: str, sign: str, status: str | None = "self") -> dict[str, Any]:
    """Return what the screen hands on when it sees one sign."""
    return {"tier": tier, "signs": [sign], "status": status, "evidence": [f"{sign}/test"]}
