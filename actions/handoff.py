"""What the hand-off's actions share: the form's draft, the summary as it stands, the outbox."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from uuid import uuid4

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.register import register
from stridewell.handoff.contact import Contact
from stridewell.handoff.conversation import read_conversation
from stridewell.handoff.outbox import HandoffState, Outbox
from stridewell.handoff.settings import HandoffSettings, load_handoff_settings
from stridewell.handoff.summary import Edits, Summary, build_summary, summary_data, summary_text
from stridewell.settings import SettingsError, region

logger = logging.getLogger(__name__)

SEND, EDIT = "send", "edit"
MOST_NOTE = 4000
FILE_NAME = "stridewell-summary"

# The form's slots, in the order in which it asks for them.
CONSENT, CONTACT, NOTE, REVIEW = FORM_SLOTS = (
    "handoff_consent",
    "handoff_contact",
    "handoff_note",
    "handoff_review",
)
DRAFT = "handoff_draft"
RECIPIENTS, RETENTION, REPLY = "handoff_recipients", "handoff_retention", "handoff_reply"


@dataclass(frozen=True)
class Draft:
    """What the form knows beside its slots.

    Attributes:
        id: The hand-off's id, if it is sent.
        mode: ``send``, or ``edit`` where nothing can be sent.
        left_out: Numbers of messages that the person left out.
        corrections: By number, what a message should say.
        misses: By slot, how often the answer could not be used.
        outcome: How the form ended.
    """

    id: str = field(default_factory=lambda: uuid4().hex)
    mode: str = SEND
    left_out: tuple[int, ...] = ()
    corrections: Mapping[str, str] = field(default_factory=dict)
    misses: Mapping[str, int] = field(default_factory=dict)
    outcome: str = ""

    @classmethod
    def of(cls, tracker: Tracker) -> Draft:
        """Return the draft that a conversation holds, or a new one."""
        held = tracker.get_slot(DRAFT)
        if not isinstance(held, dict):
            return cls()
        return cls(**{**held, "left_out": tuple(held["left_out"])})

    def to_slot(self) -> dict[str, Any]:
        """Return plain data that a slot can hold."""
        return {
            "id": self.id,
            "mode": self.mode,
            "left_out": list(self.left_out),
            "corrections": dict(self.corrections),
            "misses": dict(self.misses),
            "outcome": self.outcome,
        }

    def missed(self, slot: str) -> Draft:
        """Return the draft after one more answer that could not be used."""
        return replace(self, misses={**self.misses, slot: self.misses.get(slot, 0) + 1})

    @property
    def edits(self) -> Edits:
        """What the person changed in the summary."""
        corrections = {int(number): text for number, text in self.corrections.items()}
        return Edits(frozenset(self.left_out), corrections)


def handoff_settings() -> HandoffSettings:
    """Return the settings; with a mistake in them, those of a site that sends nothing."""
    try:
        return load_handoff_settings()
    except SettingsError as error:
        logger.error("No summary can be sent until the settings are right: %s", error)
        return HandoffSettings()


def open_outbox(settings: HandoffSettings) -> Outbox:
    """Return the outbox of the settings; opened once in a process.

    Raises:
        OutboxError: The database can't be opened.
    """
    return _outbox(settings.database, settings.retention_days)


@lru_cache(maxsize=4)
def _outbox(database: str, retention_days: float) -> Outbox:
    return Outbox(database, retention_days)


def earlier_handoffs(tracker: Tracker, settings: HandoffSettings) -> list[HandoffState]:
    """Return what this conversation has sent and not taken back, oldest first.

    Raises:
        OutboxError: The database can't be read.
    """
    states = open_outbox(settings).states(tracker.sender_id)
    return [state for state in states if not state.withdrawn]


def present_summary(tracker: Tracker, settings: HandoffSettings) -> Summary:
    """Return the summary of the conversation as it stands, with note, contact and corrections."""
    return build_summary(
        read_conversation(tracker.events),
        register(),
        settings.site,
        time.time(),
        Draft.of(tracker).edits,
        str(tracker.get_slot(NOTE) or ""),
        contact_of(tracker),
    )


def contact_of(tracker: Tracker) -> Contact | None:
    """Return how the person wants to be reached, if they said so."""
    held = tracker.get_slot(CONTACT)
    return Contact(**held) if isinstance(held, dict) else None


def show_summary(
    dispatcher: CollectingDispatcher, tracker: Tracker, settings: HandoffSettings
) -> None:
    """Utter the summary, and offer it as a file on channels that can show one."""
    summary = present_summary(tracker, settings)
    text = summary_text(summary)
    dispatcher.utter_message(text=text)
    if tracker.get_latest_input_channel() in settings.file_channels:
        dispatcher.utter_message(
            json_message={
                "handoff_summary": {
                    "file_name": FILE_NAME,
                    "text": text,
                    "data": summary_data(summary),
                }
            }
        )


def emergency_help() -> str:
    """Return whom to call in an emergency, in the site's region."""
    return region().emergency_help
