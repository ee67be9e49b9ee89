"""A policy that carries out the plan of a turn where the rules alone can't decide.

Takes the tracker; predicts the next action of the plan (see ``stridewell.turn``) with certainty, or
nothing at all, so that ``RulePolicy`` decides. Safety texts are plain responses of the dialogue
server: nothing here needs the action server, a database or the network.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from rasa.core.featurizers.tracker_featurizers import TrackerFeaturizer
from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData, confidence_scores_for
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

from components.safety_screen import SAFETY, current_screen
from stridewell.follow_ups import Table, load_table
from stridewell.safety import NOTHING
from stridewell.safety.screen import bot_question
from stridewell.settings import region
from stridewell.turn import Choice, Context, Plan, plan_turn

MESSAGES_BEFORE = 3
AFFIRMED = ("self", "other", None)
PAYLOAD = re.compile(r"/[a-z_]+")
PLANS_KEPT = 256


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class TurnPolicy(Policy):
    """Answers warning signs, several questions at once and replies that need the context.

    Raises:
        SettingsError: At load, when ``STRIDEWELL_REGION`` names no known region.
        FollowUpError: At load, when ``data/follow_ups.yml`` can't be used.
    """

    @staticmethod
    def supported_data() -> SupportedData:
        """Reads neither stories nor rules."""
        return SupportedData.ML_AND_RULE_DATA

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The policy's default config (see parent class for full docstring)."""
        return {"priority": 8}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        featurizer: TrackerFeaturizer | None = None,
    ) -> None:
        super().__init__(config, model_storage, resource, execution_context, featurizer)
        self._region = region()
        self._follow_ups = load_table()
        self._answered: set[str] | None = None
        # A turn is planned once and carried out over several predictions.
        self._plans: OrderedDict[tuple[str, float], Plan | None] = OrderedDict()

    def train(
        self, training_trackers: list[TrackerWithCachedStates], domain: Domain, **kwargs: Any
    ) -> Resource:
        """Learn nothing: the plan follows from the message and its context alone."""
        with self._model_storage.write_to(self._resource):
            return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Predict the next action of this turn's plan (see parent class for full docstring)."""
        before, message, done = _split(tracker)
        plan = message and self._plan_of(tracker.sender_id, message, before, domain)
        # More was done than planned: an action of the plan opened a form, which has its rules.
        if not plan or len(done) > len(plan.actions):
            return self._prediction(self._default_predictions(domain))
        action = plan.actions[len(done)] if len(done) < len(plan.actions) else ACTION_LISTEN_NAME
        events: list[Event] = []
        if not done:
            slots = {
                **plan.slots,
                "emergency_help": self._region.emergency_help,
                "same_day_help": self._region.same_day_help,
                "crisis_help": self._region.crisis_help,
            }
            events = [SlotSet(name, value) for name, value in slots.items() if plan.slots]
        return self._prediction(
            confidence_scores_for(action, 1.0, domain),
            optional_events=events,
            is_no_user_prediction=True,
        )

    def _plan_of(
        self, sender_id: str, message: UserUttered, before: list[Event], domain: Domain
    ) -> Plan | None:
        key = (sender_id, message.timestamp)
        if key not in self._plans:
            self._plans[key] = self._plan(message, before, domain)
            if len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        return self._plans[key]

    def _plan(self, message: UserUttered, before: list[Event], domain: Domain) -> Plan | None:
        parsed = message.parse_data or {}
        if self._answered is None:
            self._answered = _answered(domain)
        return plan_turn(
            intent=message.intent_name,
            understanding=parsed.get("understanding") or {},
            safety=_safety(message, before),
            context=_context(before, self._follow_ups),
            answered=self._answered,
            responses=domain.responses.keys(),
            follow_ups=self._follow_ups,
            text=message.text or "",
        )


def _safety(message: UserUttered, before: list[Event]) -> dict[str, Any]:
    """Return what the screen finds in a message: alone, or together with the messages before.

    Rasa drops what the pipeline found when a message is worded as a button's payload; such a text
    is screened here.
    """
    found = (message.parse_data or {}).get(SAFETY)
    text = message.text or ""
    if found is None:
        if not text or PAYLOAD.fullmatch(text):
            return {}
        earlier: list[str] = []
    else:
        affirmed = found.get("tier") and found.get("status") in AFFIRMED
        earlier = [] if affirmed else _said_before(before)
        if not earlier:
            return dict(found)
    screen = current_screen()
    together = screen.screen(text, earlier) if screen else NOTHING
    if together.tier and (not (found or {}).get("tier") or together.status in AFFIRMED):
        return together.to_dict()
    return dict(found or {})


def _said_before(before: list[Event]) -> list[str]:
    """Return the last messages of the user, oldest first, and the assistant's last question."""
    said: list[str] = []
    asked: str | None = None
    for event in reversed(before):
        if isinstance(event, UserUttered):
            if event.text and not PAYLOAD.fullmatch(event.text):
                said.append(event.text)
            if len(said) == MESSAGES_BEFORE:
                break
        elif isinstance(event, BotUttered) and not said and asked is None:
            asked = event.text
    earlier = said[::-1]
    if earlier and asked and "?" in asked:
        earlier.append(bot_question(asked))
    return earlier


def _answered(domain: Domain) -> set[str]:
    """Return the intents whose response names the articles that it is drawn from."""
    found = set()
    for name, variations in domain.responses.items():
        if any((variation.get("metadata") or {}).get("articles") for variation in variations):
            found.add(name.removeprefix("utter_"))
    return found


def _split(
    tracker: DialogueStateTracker,
) -> tuple[list[Event], UserUttered | None, list[str]]:
    """Return the session's events before the last message, the message, the actions run since."""
    events = list(tracker.applied_events())
    done: list[str] = []
    for position in range(len(events) - 1, -1, -1):
        event = events[position]
        if isinstance(event, UserUttered):
            return _since_session_start(events[:position]), event, done[::-1]
        if isinstance(event, ActionExecuted):
            done.append(event.action_name or "")
    return events, None, []


def _since_session_start(events: list[Event]) -> list[Event]:
    for position in range(len(events) - 1, -1, -1):
        if isinstance(events[position], SessionStarted):
            return events[position:]
    return events


def _context(before: list[Event], table: Table) -> Context:
    last_responses: list[str] = []
    choices: list[Choice] = []
    last_topic: str | None = None
    last_subject: str | None = None
    turn_seen = False
    form: str | None = None
    loop_seen = False
    for event in reversed(before):
        if isinstance(event, ActiveLoop) and not loop_seen:
            loop_seen, form = True, event.name
        elif isinstance(event, UserUttered):
            turn_seen = True
            last_subject = last_subject or _subject_named(event)
        elif isinstance(event, BotUttered):
            details = event.metadata or {}
            topic = (details.get("metadata") or {}).get("topic")
            if not turn_seen:
                last_responses.append(details.get("utter_action") or "")
                choices[:0] = _choices(event)
            last_topic = last_topic or topic
            last_subject = last_subject or table.subject_of(topic)
        if loop_seen and turn_seen and last_topic and last_subject:
            break
    return Context(tuple(reversed(last_responses)), last_topic, last_subject, tuple(choices), form)


def _subject_named(message: UserUttered) -> str | None:
    understanding = (message.parse_data or {}).get("understanding") or {}
    subjects = understanding.get("subjects") or []
    return str(subjects[0]) if len(subjects) == 1 else None


def _choices(said: BotUttered) -> list[Choice]:
    buttons = (said.data or {}).get("buttons") or []
    return [
        Choice(str(button.get("title") or ""), str(button["payload"]).removeprefix("/"))
        for button in buttons
        if str(button.get("payload") or "").startswith("/")
    ]
