"""Reads the answers in the hand-off form."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.handoff import (
    CONSENT,
    CONTACT,
    DRAFT,
    EDIT,
    MOST_NOTE,
    NOTE,
    REVIEW,
    Draft,
    earlier_handoffs,
    handoff_settings,
    open_outbox,
)
from stridewell.handoff.answers import Answer, Wish, is_question, read_answer
from stridewell.handoff.contact import ContactError, looks_like_contact, read_contact
from stridewell.handoff.conversation import (
    FORM_ACTIONS,
    Event,
    finding_of,
    intent_of,
    read_conversation,
    session_events,
)
from stridewell.handoff.outbox import OutboxError
from stridewell.handoff.states import describe
from stridewell.handoff.text import one_line

logger = logging.getLogger(__name__)

REQUESTED = "requested_slot"
MOST_MISSES = 2
SHORT_ANSWER = 3
# Intents that are no question of their own: inside the form they are an answer, or unclear.
NO_INTERRUPTION = frozenset({"", "affirm", "deny", "request_handoff", "nlu_fallback"})

Events = list[dict[str, Any]]


class ValidateHandoffForm(Action):
    """Takes an answer, a change or a cancellation; leaves questions to the rules.

    A message with a warning sign never comes here: the dialogue server answers it first. Its text
    becomes part of no answer, unless the person says so in a message of their own.
    """

    def name(self) -> str:
        """Return the action's name."""
        return "validate_handoff_form"

    def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Return the slots that the message fills; none lets the rules answer the message."""
        return _Reading(dispatcher, tracker).run()


class _Reading:
    """The reading of one message."""

    def __init__(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
        self._dispatcher = dispatcher
        self._tracker = tracker
        self._draft = Draft.of(tracker)
        self._slot: str = tracker.get_slot(REQUESTED) or ""
        self._users, self._since = _split(session_events(tracker.events))
        self._text = str(self._users[-1].get("text") or "") if self._users else ""
        self._intent = intent_of(self._users[-1]) if self._users else ""

    def run(self) -> Events:
        if not self._slot or not self._users:
            return []
        if any(name not in FORM_ACTIONS for name in self._since):
            return self._come_back()
        answer = read_answer(self._text)
        if self._draft.mode == EDIT:
            return self._edit(answer) or self._withdraw_or_nothing(answer)
        if answer.wish is Wish.CANCEL:
            return self._end("cancelled")
        if answer.wish is Wish.WITHDRAW:
            return self._withdraw()
        if self._sign_before() and not self._interrupts():
            self._say("utter_handoff_after_sign")
            return self._ask(self._slot)
        changed = self._edit(answer) or self._change(answer)
        if changed:
            return changed
        reader: Callable[[Answer], Events] = {
            CONSENT: self._consent,
            CONTACT: self._contact,
            NOTE: self._note,
            REVIEW: self._review,
        }[self._slot]
        return reader(answer)

    def _come_back(self) -> Events:
        """The message was answered by a rule or by the safety texts; the form asks again."""
        if self._draft.mode == EDIT and "action_start_handoff" not in self._since:
            return [SlotSet(REQUESTED, None)]
        if self._slot == NOTE and "action_start_handoff" not in self._since:
            self._say("utter_handoff_not_in_note")
        return []

    # ---- the four questions

    def _consent(self, answer: Answer) -> Events:
        verdict = self._verdict(answer)
        if verdict is Wish.YES:
            return [SlotSet(CONSENT, True)]
        if verdict is Wish.NO or answer.wish is Wish.SKIP:
            return self._end("refused")
        if self._interrupts():
            return []
        return self._unclear("refused")

    def _contact(self, answer: Answer) -> Events:
        if answer.wish in (Wish.NO, Wish.SKIP) or self._denies():
            return [SlotSet(CONTACT, "")]
        if looks_like_contact(self._text):
            return self._take_contact(self._text)
        if self._interrupts():
            return []
        return self._wrong_contact("Please type an email address or a phone number.")

    def _take_contact(self, text: str) -> Events:
        country = handoff_settings().site.phone_country
        try:
            contact = read_contact(one_line(text), country)
        except ContactError as error:
            return self._wrong_contact(str(error))
        return [SlotSet(CONTACT, contact.__dict__)]

    def _wrong_contact(self, problem: str) -> Events:
        draft = self._draft.missed(CONTACT)
        if draft.misses[CONTACT] >= MOST_MISSES:
            self._say("utter_handoff_contact_left_out")
            return [SlotSet(DRAFT, draft.to_slot()), SlotSet(CONTACT, "")]
        self._dispatcher.utter_message(text=problem)
        return self._ask(CONTACT, draft)

    def _note(self, answer: Answer) -> Events:
        if answer.wish in (Wish.NO, Wish.SKIP) or self._denies():
            return [SlotSet(NOTE, "")]
        if answer.wish is Wish.USE_LAST:
            earlier = self._answered_otherwise_before()
            if earlier:
                return self._take_note(earlier)
        if answer.wish in (Wish.YES, Wish.USE_LAST) or not self._text.strip():
            self._say("utter_handoff_type_note")
            return self._ask(NOTE)
        if is_question(self._text) and self._interrupts():
            return []
        return self._take_note(self._text)

    def _take_note(self, text: str) -> Events:
        if len(text) > MOST_NOTE:
            self._say("utter_handoff_note_cut")
        return [SlotSet(NOTE, text[:MOST_NOTE])]

    def _review(self, answer: Answer) -> Events:
        verdict = self._verdict(answer)
        if verdict is Wish.YES:
            return [SlotSet(REVIEW, True), *self._end("send")]
        if verdict is Wish.NO:
            return self._end("cancelled")
        if self._interrupts():
            return []
        return self._unclear("cancelled")

    # ---- changes, at any question

    def _edit(self, answer: Answer) -> Events:
        if answer.wish is Wish.NOTE:
            return [*self._take_note(answer.text), *self._ask(self._slot_after(NOTE))]
        if answer.wish not in (Wish.LEAVE_OUT, Wish.CORRECT):
            return []
        known = {words.number for words in read_conversation(self._tracker.events).words}
        if not known.issuperset(answer.numbers):
            self._say("utter_handoff_no_such_message")
            return self._ask(self._slot)
        if answer.wish is Wish.LEAVE_OUT:
            left_out = sorted({*self._draft.left_out, *answer.numbers})
            draft = replace(self._draft, left_out=tuple(left_out))
        else:
            corrections = {**self._draft.corrections, str(answer.numbers[0]): answer.text}
            draft = replace(self._draft, corrections=corrections)
        if self._slot != REVIEW:
            self._say("utter_handoff_changed")
        return self._ask(self._slot, draft)

    def _slot_after(self, slot: str) -> str:
        # A note given early answers its question; the form then asks for the next one.
        return REVIEW if self._slot == slot else self._slot

    def _change(self, answer: Answer) -> Events:
        if self._slot == CONSENT:
            return []
        if answer.wish is Wish.CHANGE_CONTACT:
            if answer.text:
                return [*self._take_contact(answer.text), *self._reopen(self._slot)]
            return self._reopen(CONTACT)
        if answer.wish is Wish.CHANGE_NOTE:
            if answer.text:
                return [*self._take_note(answer.text), *self._reopen(self._slot_after(NOTE))]
            return self._reopen(NOTE)
        return []

    def _reopen(self, slot: str) -> Events:
        draft = replace(self._draft, misses={**self._draft.misses, slot: 0})
        return [SlotSet(DRAFT, draft.to_slot()), SlotSet(slot, None), SlotSet(REQUESTED, slot)]

    # ---- ends

    def _withdraw_or_nothing(self, answer: Answer) -> Events:
        return self._withdraw() if answer.wish is Wish.WITHDRAW else []

    def _withdraw(self) -> Events:
        settings = handoff_settings()
        try:
            earlier = earlier_handoffs(self._tracker, settings)
            after = [open_outbox(settings).withdraw(handoff.id) for handoff in earlier]
        except OutboxError as error:
            logger.error("%s A withdrawal could not be carried out.", error)
            self._say("utter_handoff_withdraw_failed")
            return self._end("told")
        if not earlier:
            return self._end("cancelled")
        status = describe([state for state in after if state], settings, time.time())
        self._dispatcher.utter_message(response="utter_handoff_withdrawn", handoff_status=status)
        return self._end("told")

    def _end(self, outcome: str) -> Events:
        draft = replace(self._draft, outcome=outcome)
        return [SlotSet(DRAFT, draft.to_slot()), SlotSet(REQUESTED, None)]

    def _unclear(self, otherwise: str) -> Events:
        draft = self._draft.missed(self._slot)
        if draft.misses[self._slot] >= MOST_MISSES:
            return self._end(otherwise)
        self._say("utter_handoff_unclear")
        return self._ask(self._slot, draft)

    def _ask(self, slot: str, draft: Draft | None = None) -> Events:
        return [SlotSet(DRAFT, (draft or self._draft).to_slot()), SlotSet(REQUESTED, slot)]

    def _say(self, response: str) -> None:
        self._dispatcher.utter_message(response=response)

    # ---- what kind of message it is

    def _verdict(self, answer: Answer) -> Wish:
        # A guess of the classifier may be a no, but never a yes.
        if answer.wish in (Wish.YES, Wish.NO):
            return answer.wish
        return Wish.NO if self._denies() else Wish.OTHER

    def _denies(self) -> bool:
        return self._intent == "deny" and len(self._text.split()) <= SHORT_ANSWER

    def _interrupts(self) -> bool:
        return self._intent not in NO_INTERRUPTION

    def _sign_before(self) -> bool:
        """Whether the message before told of a warning sign while the form was open."""
        return bool(self._answered_otherwise_before()) and finding_of(self._users[-2])[1] in (
            "self",
            "other",
        )

    def _answered_otherwise_before(self) -> str:
        """Return the text of the message before, if a warning sign or a rule took it."""
        if len(self._users) < 2 or not self._took_other(self._users[-2]):
            return ""
        return str(self._users[-2].get("text") or "")

    def _took_other(self, user: Event) -> bool:
        events = session_events(self._tracker.events)
        start, end = events.index(user), events.index(self._users[-1])
        names = {event.get("name") for event in events[start:end] if event.get("event") == "action"}
        return bool(names - FORM_ACTIONS) and "action_start_handoff" not in names


def _split(events: list[Event]) -> tuple[list[Event], list[str]]:
    """Return the user's messages, and the names of the actions run since the last one."""
    users = [event for event in events if event.get("event") == "user"]
    if not users:
        return [], []
    since = events[len(events) - 1 - events[::-1].index(users[-1]) :]
    return users, [str(event.get("name")) for event in since if event.get("event") == "action"]
