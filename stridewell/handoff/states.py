"""Says in words what the site does with a summary and how a hand-off stands: all of it true.

Takes the settings and the states that the outbox holds, hands on sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from stridewell.handoff.outbox import SENT, WITHDRAWN, DeliveryState, HandoffState
from stridewell.handoff.settings import CONTACT, FULL, HandoffSettings, SiteSettings
from stridewell.handoff.text import listed

# A worker looks every few seconds: what nobody has tried for this long is stuck.
LATE_SECONDS = 300
_SHARES = {
    FULL: "the whole summary, with your note and how to reach you",
    CONTACT: "only that you ask for help and how to reach you",
}
_NOTICE = "only that somebody asks for help"


def recipients(settings: HandoffSettings) -> str:
    """Return a sentence for each target: who gets what."""
    return " ".join(
        f"{_capital(target.label)} would get {_SHARES.get(target.contents, _NOTICE)}."
        for target in settings.targets.values()
    )


def retention(settings: HandoffSettings) -> str:
    """Return how long a summary is kept, like "30 days"."""
    days = settings.retention_days
    return "1 day" if days == 1 else f"{days:g} days"


def reply_expectation(site: SiteSettings) -> str:
    """Return when and in what languages people reply, as far as the site says."""
    sentences = []
    if site.opening_hours:
        sentences.append(f"Opening hours: {site.opening_hours}.")
    if site.reply_time:
        sentences.append(f"Usual time to reply: {site.reply_time}.")
    if site.languages:
        sentences.append(f"Languages: {listed(list(site.languages))}.")
    return " ".join(sentences) or "I can't say how soon they reply."


def describe(handoffs: Sequence[HandoffState], settings: HandoffSettings, now: float) -> str:
    """Return how hand-offs stand, and what to do meanwhile if one could not be sent.

    Args:
        handoffs: The states, oldest first.
        settings: For labels, time zone and phone number.
        now: Seconds since 1970.
    """
    zone = ZoneInfo(settings.site.time_zone)
    sentences: list[str] = []
    stuck = False
    for handoff in handoffs:
        made = datetime.fromtimestamp(handoff.created_at, timezone.utc).astimezone(zone)
        sentences.append(f"Number {handoff.reference}, from {made:%H:%M} {made.tzname()}:")
        for delivery in handoff.deliveries:
            late = _is_stuck(delivery, handoff, now)
            stuck = stuck or late
            sentences.append(_delivery(delivery, handoff, settings, late, zone))
    if stuck:
        phone = f" at {settings.site.phone}" if settings.site.phone else ""
        sentences.append(
            f"Please don't wait for it. Contact the clinic yourself{phone}, or see a doctor."
        )
    return " ".join(sentences)


def _is_stuck(delivery: DeliveryState, handoff: HandoffState, now: float) -> bool:
    if delivery.state in (SENT, WITHDRAWN) or handoff.withdrawn:
        return False
    failed = delivery.attempts > 0 and not (delivery.being_sent and delivery.attempts == 1)
    return failed or now - handoff.created_at > LATE_SECONDS


def _delivery(
    delivery: DeliveryState, handoff: HandoffState, settings: HandoffSettings, late: bool,
    zone: ZoneInfo,
) -> str:  # fmt: skip
    target = settings.targets.get(delivery.target)
    label = target.label if target else delivery.target
    if delivery.state == SENT:
        at = datetime.fromtimestamp(delivery.sent_at or 0, timezone.utc).astimezone(zone)
        back = " What they got can't be called back. Ask them to delete it."
        return f"Sent to {label} at {at:%H:%M}.{back if handoff.withdrawn else ''}"
    if delivery.state == WITHDRAWN:
        return f"Taken back. It was not sent to {label}."
    if handoff.withdrawn:
        return f"Taken back while it was on its way to {label}. It may have arrived."
    if late:
        return f"It could not be sent to {label} yet. I keep trying."
    return f"Waiting to be sent to {label}. It has not been sent yet."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
