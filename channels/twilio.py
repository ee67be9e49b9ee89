"""Twilio: SMS and WhatsApp. Form posts in, messages through the REST API out.

Verified with Twilio's own request validator against the public address. There are no buttons, so
choices become a numbered list. Limit: 1600 characters a message.
"""

from __future__ import annotations

import re
import time
from collections import deque
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from twilio.request_validator import RequestValidator

from channels.messaging.message import (
    Attempt,
    BotMessage,
    Incoming,
    Kind,
    Offer,
    Outcome,
    Outgoing,
    Piece,
)
from channels.messaging.platform import (
    MALFORMED,
    REFUSED,
    Answer,
    Platform,
    Request,
    by_status,
    read_object,
)
from channels.messaging.rendering import numbered, sources_line, split, to_plain
from channels.messaging.settings import PlatformSettings

TEXT_LIMIT = 1600
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
STOP_WORDS = ("stop", "stopall", "unsubscribe", "cancel", "end", "quit")
WHATSAPP_STOP_WORDS = ("stop", "stopall", "unsubscribe")
START_WORDS = ("start", "unstop")
HELP_WORDS = ("help", "info")
# Twilio's codes: opted out, no such number, not a mobile number, not in the sandbox or window.
UNREACHABLE_CODES = (21610, 21211, 21214, 21612, 21614, 21408, 63003, 63007, 63015, 63016, 63024)
RETRY_CODES = (20003, 21611, 63038)
CLOCK_SECONDS = 60.0

_PHONE = re.compile(r"\+?\d{3,15}")


class Twilio(Platform):
    """SMS and WhatsApp through Twilio.

    Args:
        settings: Account, token and address of the API.
    """

    name = "twilio"
    channels = ("sms", "whatsapp")
    shows_feedback = False

    def __init__(self, settings: PlatformSettings) -> None:
        super().__init__()
        self._account = settings["account"]
        self._validator = RequestValidator(settings["token"])
        self._auth = aiohttp.BasicAuth(settings["account"], settings["token"])
        self._accounted: deque[str] = deque(maxlen=2000)
        self._messages = f"{settings['api']}/2010-04-01/Accounts/{self._account}/Messages.json"
        self._webhook = f"{settings.public_url}/webhooks/twilio/webhook"

    def receive(self, request: Request) -> Answer:
        """Read a message (see parent class for full docstring)."""
        try:
            pairs = parse_qsl(
                request.body.decode(), keep_blank_values=True, max_num_fields=200, errors="strict"
            )
        except (UnicodeDecodeError, ValueError):
            return MALFORMED
        address = self._webhook
        if request.query:
            address += f"?{urlencode(request.query)}"
        values = dict(pairs)
        signature = request.headers.get("X-Twilio-Signature", "")
        if not signature or not self._validator.validate(address, values, signature):
            return REFUSED
        if values.get("AccountSid") != self._account:
            return REFUSED
        message = read_form(values)
        return Answer(
            body=EMPTY_TWIML,
            content_type="text/xml",
            incoming=(message,) if message else (),
        )

    def render(self, channel: str, message: BotMessage, offer: Offer | None) -> list[Piece]:
        """Lay out a message (see parent class for full docstring)."""
        text = to_plain(message.text)
        parts = [text]
        if message.sources:
            parts.append(_sources(channel, message.sources))
        if offer is not None and offer.choices:
            parts.append(numbered(offer.choices, offer.first))
        whole = "\n\n".join(parts)
        bodies = [whole] if len(whole) <= TEXT_LIMIT else _pack(parts)
        return [Piece({"Body": body}) for body in bodies]

    async def send(self, outgoing: Outgoing, body: dict[str, Any]) -> Attempt:
        """Send a message (see parent class for full docstring)."""
        form = {**body, "To": outgoing.address["to"], "From": outgoing.address["from"]}
        if outgoing.channel == "sms":
            # Curly quotes alone would double the price of a text message.
            form["SmartEncoded"] = "true"
        answer = await self.exchange("POST", self._messages, data=form, auth=self._auth)
        if isinstance(answer, Attempt):
            return answer
        self._accounted.append(str(read_object(answer[2]).get("sid", "")))
        return judge(*answer)

    async def was_delivered(self, outgoing: Outgoing) -> bool | None:
        """Look for the text among the messages to this number that no other attempt explains."""
        since = outgoing.started - CLOCK_SECONDS
        query = {
            "To": outgoing.address["to"],
            "From": outgoing.address["from"],
            "PageSize": "100",
        }
        answer = await self.exchange("GET", self._messages, params=query, auth=self._auth)
        if isinstance(answer, Attempt) or answer[0] != 200:
            raise ConnectionError("Twilio's list of messages can't be read")
        messages = read_object(answer[2]).get("messages")
        if not isinstance(messages, list):
            return None
        wanted = _letters(outgoing.piece.body["Body"])
        for message in messages:
            if (
                isinstance(message, dict)
                and message.get("sid") not in self._accounted
                and _letters(str(message.get("body", ""))) == wanted
                and _created(message) >= since
            ):
                self._accounted.append(str(message.get("sid", "")))
                return True
        return False


def judge(status: int, headers: dict[str, str], raw: bytes) -> Attempt:
    """Judge Twilio's answer to a new message."""
    answer = read_object(raw)
    if status in (200, 201):
        if answer.get("sid"):
            return Attempt(Outcome.SENT)
        return Attempt(Outcome.DOUBT, "an answer without a message SID")
    known = by_status(status, headers)
    if known:
        return known
    code = answer.get("code")
    reason = f"{status}, Twilio's code {code}"
    if status in (401, 403, 404) or code in RETRY_CODES:
        return Attempt(Outcome.RETRY, f"{reason}; STRIDEWELL_TWILIO_TOKEN may be wrong")
    if code in UNREACHABLE_CODES:
        return Attempt(Outcome.UNREACHABLE, reason)
    return Attempt(Outcome.REJECTED, reason)


def read_form(values: dict[str, str]) -> Incoming | None:
    """Read the fields of a message; None if it is none that can be answered."""
    key = values.get("MessageSid") or values.get("SmsSid") or ""
    sender, ours = values.get("From", ""), values.get("To", "")
    channel = "sms"
    if sender.startswith("whatsapp:") and ours.startswith("whatsapp:"):
        channel = "whatsapp"
    number = sender.removeprefix("whatsapp:") if channel == "whatsapp" else sender
    # Names as senders, and Twilio's other channels, can't be written back to.
    if not key or not ours or not _PHONE.fullmatch(number):
        return None
    text = values.get("Body", "")
    kind = _kind(channel, text, values)
    return Incoming(
        channel=channel,
        key=key,
        conversation=f"{channel}:{number}",
        address={"to": sender, "from": ours},
        kind=kind,
        text=text if kind is Kind.TEXT else "",
        order=time.time(),
        # With Advanced Opt-Out, Twilio has replied in its own words.
        silent=bool(values.get("OptOutType")),
    )


def _kind(channel: str, text: str, values: dict[str, str]) -> Kind:
    word = text.strip().casefold().rstrip(".!")
    if word in (WHATSAPP_STOP_WORDS if channel == "whatsapp" else STOP_WORDS):
        return Kind.STOP
    if values.get("OptOutType", "").upper() == "STOP":
        return Kind.STOP
    if word in START_WORDS or word == "/start":
        return Kind.START
    if word in HELP_WORDS or word == "/help":
        return Kind.HELP
    if word in ("/delete", "delete"):
        return Kind.DELETE
    if word == "/stop":
        return Kind.STOP
    if text.strip():
        return Kind.TEXT
    media = values.get("NumMedia", "0") not in ("", "0") or "Latitude" in values
    return Kind.MEDIA if media else Kind.EMPTY


def _sources(channel: str, titles: tuple[str, ...]) -> str:
    if channel == "whatsapp" or len(titles) == 1:
        return sources_line(titles)
    # Each text message costs money; the titles are one question away.
    return f'From {len(titles)} articles. Ask "where is this from?" for their titles.'


def _pack(parts: list[str]) -> list[str]:
    bodies: list[str] = []
    for part in parts:
        for body in split(part, TEXT_LIMIT, len):
            if bodies and len(bodies[-1]) + len(body) + 2 <= TEXT_LIMIT:
                bodies[-1] += f"\n\n{body}"
            else:
                bodies.append(body)
    return bodies


def _letters(text: str) -> str:
    # Smart encoding changes quotes and dashes; the words stay.
    return " ".join(re.findall(r"[A-Za-z0-9]+", text))


def _created(message: dict[str, Any]) -> float:
    try:
        created: datetime = parsedate_to_datetime(str(message.get("date_created")))
    except (TypeError, ValueError):
        return 0.0
    if created.tzinfo is None:
        created = created.replace(tzinfo=timezone.utc)
    return created.timestamp()
