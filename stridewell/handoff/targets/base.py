"""What all targets share: the parcel to deliver, the problem if it can't be, what each may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stridewell.handoff.settings import CONTACT, FULL

Save = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Parcel:
    """What is to be delivered.

    Attributes:
        key: The idempotency key: the same in every try, different for every target.
        handoff_id: The hand-off's id.
        reference: The number that people see.
        created_at: Seconds since 1970.
        site: Name of the site, may be empty.
        text: The summary as plain text.
        data: The summary as plain data.
        contact: Kind, value and shown form of the way to be reached, or None.
        fhir: The summary as a FHIR resource, or None.
    """

    key: str
    handoff_id: str
    reference: str
    created_at: float
    site: str
    text: str
    data: Mapping[str, Any]
    contact: Mapping[str, str] | None
    fhir: Mapping[str, Any] | None = None


class DeliveryProblem(Exception):
    """A target did not take a parcel; it is tried again. The text holds nothing about the person.

    Args:
        problem: What went wrong.
        retry_after: Seconds to wait at least, if the target said so.
    """

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class Target(Protocol):
    """Somewhere a parcel can be delivered to."""

    def deliver(self, parcel: Parcel, progress: Mapping[str, Any], save: Save) -> None:
        """Deliver a parcel.

        Args:
            parcel: What to deliver.
            progress: What an earlier try has saved.
            save: Keeps what this try has reached.

        Raises:
            DeliveryProblem: It was not taken, or the target did not say so.
        """
        ...


def visible_text(parcel: Parcel, contents: str) -> str:
    """Return the text that a target with this setting of ``contents`` may see."""
    if contents == FULL:
        return parcel.text
    lines = [f"A person asked to be put in touch with a professional. Hand-off {parcel.reference}."]
    if contents == CONTACT:
        if parcel.contact:
            how = "e-mail" if parcel.contact["kind"] == "email" else "phone"
            lines.append(f"To be reached by {how}: {parcel.contact['shown']} (not checked)")
        else:
            lines.append("They left no way to reach them.")
    lines.append("What they said is not part of this message.")
    return "\n".join(lines)


def escape_markdown(text: str) -> str:
    """Return the text so that Markdown shows it as typed: no links, pictures or markup."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|~!" else char for char in text)
