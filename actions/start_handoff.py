"""Starts the hand-off: shows the summary and, where the site can send it, opens the form."""

from __future__ import annotations

import logging
import time
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.handoff import (
    CONSENT,
    CONTACT,
    DRAFT,
    EDIT,
    FORM_SLOTS,
    NOTE,
    RECIPIENTS,
    REPLY,
    RETENTION,
    SEND,
    Draft,
    earlier_handoffs,
    emergency_help,
    handoff_settings,
    show_summary,
)
from stridewell.handoff.conversation import FORM
from stridewell.handoff.outbox import OutboxError
from stridewell.handoff.states import describe, recipients, reply_expectation, retention

logger = logging.getLogger(__name__)


class ActionStartHandoff(Action):
    """Shows the summary, how an earlier hand-off stands, and opens the form.

    Without a target, or while the outbox can't be reached, the form only lets the person correct
    the summary; it closes by itself with the next message about anything else.
    """

    def name(self) -> str:
        """Return the action's name."""
        return "action_start_handoff"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Utter summary and state; sets the form's slots anew and asks for the form."""
        settings = handoff_settings()
        mode = SEND if settings.targets else EDIT
        if mode == SEND:
            try:
                earlier = earlier_handoffs(tracker, settings)
            except OutboxError as error:
                logger.error("%s The person is told that nothing can be sent.", error)
                dispatcher.utter_message(response="utter_handoff_unavailable")
                mode = EDIT
            else:
                if earlier:
                    status = describe(earlier, settings, time.time())
                    dispatcher.utter_message(
                        response="utter_handoff_earlier", handoff_status=status
                    )
        dispatcher.utter_message(response="utter_handoff_summary")
        if mode == SEND:
            show_summary(dispatcher, tracker, settings)
        values: dict[str, Any] = dict.fromkeys(FORM_SLOTS)
        if mode == EDIT:
            # Nothing is asked but whether the summary is right.
            values |= {CONSENT: False, CONTACT: "", NOTE: ""}
        values |= {
            DRAFT: Draft(mode=mode).to_slot(),
            RECIPIENTS: recipients(settings),
            RETENTION: retention(settings),
            REPLY: reply_expectation(settings.site),
            "emergency_help": emergency_help(),
        }
        return [
            *(SlotSet(name, value) for name, value in values.items()),
            FollowupAction(FORM),
        ]
