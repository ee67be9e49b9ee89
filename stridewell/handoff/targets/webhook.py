"""Delivers to a webhook: one signed POST, as the Standard Webhooks specification describes.

Headers `webhook-id` (the same in every try), `webhook-timestamp` and `webhook-signature`, which is
"v1," and the base64 of HMAC-SHA256 over "id.timestamp.body". Libraries that check it exist for most
languages. Slack and Teams do not check it and can't tell a repeat: there, a message whose answer
got lost may appear twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from stridewell.handoff.settings import CONTACT, FULL, WebhookSettings
from stridewell.handoff.targets.base import Parcel, Save, escape_markdown, visible_text
from stridewell.handoff.targets.http import call, new_session

EVENT = "handoff.created"
_SLACK_MOST = 3000
_TEAMS_MOST = 20000


class WebhookTarget:
    """A webhook.

    Args:
        settings: Where to, and what it may see.
        clock: Returns seconds since 1970.
    """

    def __init__(self, settings: WebhookSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock

    def deliver(self, parcel: Parcel, progress: Mapping[str, Any], save: Save) -> None:
        """Post the parcel (see ``Target``)."""
        body = json.dumps(self._payload(parcel)).encode()
        headers = {"Content-Type": "application/json"}
        if self._settings.secret:
            headers |= signed_headers(self._settings.secret, parcel.key, int(self._clock()), body)
        with new_session(self._settings.ca_file) as session:
            call(
                session, "POST", self._settings.url, "the webhook", self._settings.timeout,
                data=body, headers=headers,
            )  # fmt: skip

    def _payload(self, parcel: Parcel) -> dict[str, Any]:
        text = visible_text(parcel, self._settings.contents)
        if self._settings.format == "slack":
            return _slack(text)
        if self._settings.format == "teams":
            return _teams(text)
        data: dict[str, Any] = {"id": parcel.handoff_id, "reference": parcel.reference}
        if self._settings.contents in (CONTACT, FULL):
            data["contact"] = dict(parcel.contact) if parcel.contact else None
        if self._settings.contents == FULL:
            data["summary"] = parcel.data
            if parcel.fhir:
                data["fhir"] = parcel.fhir
        made = datetime.fromtimestamp(parcel.created_at, timezone.utc)
        return {
            "type": EVENT,
            "timestamp": made.isoformat().replace("+00:00", "Z"),
            "text": text,
            "data": data,
        }


def signed_headers(secret: str, key: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks.

    Args:
        secret: The shared secret; "whsec_" and base64, or any text.
        key: The message's id.
        timestamp: Seconds since 1970.
        body: The body exactly as sent.
    """
    content = f"{key}.{timestamp}.".encode() + body
    digest = hmac.new(_secret_bytes(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _secret_bytes(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def _slack(text: str) -> dict[str, Any]:
    escaped = _cut(text, _SLACK_MOST).replace("&", "&amp;")
    escaped = escaped.replace("<", "&lt;").replace(">", "&gt;")
    return {"text": escaped, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}


def _teams(text: str) -> dict[str, Any]:
    blocks = [
        {"type": "TextBlock", "text": escape_markdown(line), "wrap": True}
        for line in _cut(text, _TEAMS_MOST).split("\n")
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n(Cut here, because this channel shows no more.)"
