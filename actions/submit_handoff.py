"""Ends the hand-off form: puts the summary into the outbox, or says that nothing was sent."""

from __future__ import annotations

import logging
import time
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.handoff import (
    CONSENT,
    DRAFT,
    FORM_SLOTS,
    RECIPIENTS,
    REVIEW,
    Draft,
    contact_of,
    emergency_help,
    handoff_settings,
    open_outbox,
    present_summary,
)
from stridewell.handoff.outbox import NewHandoff, OutboxError, new_reference
from stridewell.handoff.settings import HandoffSettings
from stridewell.handoff.states import describe, recipients, reply_expectation, retention
from stridewell.handoff.summary import summary_data, summary_text

logger = logging.getLogger(__name__)

ENDINGS = {"refused": "utter_handoff_refused", "cancelled": "utter_handoff_cancelled"}


class ActionSubmitHandoff(Action):
    """Stores the summary if the person said yes twice; says truly what became of it."""

    def name(self) -> str:
        """Return the action's name."""
        return "action_submit_handoff"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Store and tell; empties the form's slots."""
        draft = Draft.of(tracker)
        agreed = tracker.get_slot(CONSENT) is True and tracker.get_slot(REVIEW) is True
        if draft.outcome == "send" and agreed:
            self._send(dispatcher, tracker, draft)
        elif draft.outcome in ENDINGS:
            dispatcher.utter_message(response=ENDINGS[draft.outcome])
        return [SlotSet(name, None) for name in (*FORM_SLOTS, DRAFT)]

    def _send(self, dispatcher: CollectingDispatcher, tracker: Tracker, draft: Draft) -> None:
        settings = handoff_settings()
        if recipients(settings) != tracker.get_slot(RECIPIENTS):
            # The site changed its targets meanwhile: the yes was to something else.
            dispatcher.utter_message(response="utter_handoff_targets_changed")
            return
        reference = new_reference(draft.id)
        try:
            outbox = open_outbox(settings)
            outbox.store(_handoff(tracker, draft, reference, settings))
            states = [state for state in outbox.states(tracker.sender_id) if state.id == draft.id]
        except OutboxError as error:
            logger.error("Hand-off %s was not stored: %s", reference, error)
            dispatcher.utter_message(response="utter_handoff_not_stored")
            return
        dispatcher.utter_message(
            response="utter_handoff_stored",
            handoff_status=describe(states, settings, time.time()),
            handoff_reply=reply_expectation(settings.site),
            emergency_help=emergency_help(),
        )


def _handoff(
    tracker: Tracker, draft: Draft, reference: str, settings: HandoffSettings
) -> NewHandoff:
    summary = present_summary(tracker, settings)
    contact = contact_of(tracker)
    return NewHandoff(
        id=draft.id,
        conversation=tracker.sender_id,
        reference=reference,
        consent=f"{recipients(settings)} Kept for {retention(settings)}.",
        content={
            "text": summary_text(summary, reference),
            "data": summary_data(summary, reference),
            "contact": dict(contact.__dict__) if contact else None,
        },
        targets=tuple(settings.targets),
    )
