"""Facebook Messenger: webhook batches in, messages through the Graph API's Send API out.

Verified by the SHA-256 signature of the raw body. Limits: 2000 characters a text, 640 above
buttons, three buttons, thirteen quick replies, 20 characters a title.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from channels.messaging.message import (
    Attempt,
    BotMessage,
    Incoming,
    Kind,
    Offer,
    Outcome,
    Outgoing,
    Payload,
    Piece,
)
from channels.messaging.platform import (
    MALFORMED,
    REFUSED,
    Answer,
    Platform,
    Request,
    by_status,
    load_json,
    read_object,
)
from channels.messaging.rendering import (
    shorten,
    sources_line,
    split,
    to_plain,
    utf16_length,
)
from channels.messaging.settings import PlatformSettings

TEXT_LIMIT = 2000
BUTTON_TEXT_LIMIT = 640
TITLE_LIMIT = 20
MOST_BUTTONS = 3
MOST_QUICK_REPLIES = 13
RATE_CODES = (4, 17, 32, 613, 80006)
RATE_WAIT = 15.0
RETRY_CODES = (1, 2, 1200)
UNREACHABLE_CODES = (10, 200, 230, 551, 10900, 10903)
WORDS = {"/start": Kind.START, "/help": Kind.HELP, "/stop": Kind.STOP, "/delete": Kind.DELETE}
COMMANDS = {f"command{word}": kind for word, kind in WORDS.items()}
GREETING = (
    "An automated assistant for runners with sciatica or low back pain. General information from "
    "five articles, not medical advice."
)


class Messenger(Platform):
    """Messenger.

    Args:
        settings: Page token, app secret, verify word and address of the API.
    """

    name = "messenger"
    channels = ("messenger",)

    def __init__(self, settings: PlatformSettings) -> None:
        super().__init__()
        self._secret = settings["secret"].encode()
        self._verify = settings["verify"]
        token = settings["token"]
        proof = hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()
        self._access = {"access_token": token, "appsecret_proof": proof}
        self._base = settings["api"]

    def receive(self, request: Request) -> Answer:
        """Read a batch, or answer the subscription's challenge (see parent class)."""
        if request.method == "GET":
            return self._challenge(request)
        given = request.headers.get("X-Hub-Signature-256", "")
        expected = "sha256=" + hmac.new(self._secret, request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            return REFUSED
        try:
            content = load_json(request.body)
        except ValueError:
            return MALFORMED
        return Answer(body="EVENT_RECEIVED", incoming=tuple(read_batch(content)))

    def render(self, channel: str, message: BotMessage, offer: Offer | None) -> list[Piece]:
        """Lay out a message (see parent class for full docstring)."""
        choices, feedback = self.buttons(message, offer)
        text = to_plain(message.text)
        if message.sources:
            text += f"\n\n{sources_line(message.sources)}"
        shown = [*choices, *feedback]
        if not shown:
            return [Piece({"text": part}) for part in split(text, TEXT_LIMIT)]
        titles = [title for title, _ in shown]
        if any(utf16_length(title) > TITLE_LIMIT for title in titles):
            # A title that is cut can't be understood alone; the list says it in full.
            text += "\n\n" + "\n".join(f"{i}. {title}" for i, title in enumerate(titles, start=1))
        parts = split(text, TEXT_LIMIT)
        last = parts[-1]
        body: Payload = {"text": last, "quick_replies": _quick_replies(shown)}
        if len(shown) <= MOST_BUTTONS and not feedback and utf16_length(last) <= BUTTON_TEXT_LIMIT:
            body = _button_template(last, shown)
        pieces = [Piece({"text": part}) for part in parts[:-1]]
        return [*pieces, Piece(body, {"text": last})]

    async def send(self, outgoing: Outgoing, body: dict[str, Any]) -> Attempt:
        """Send a message (see parent class for full docstring)."""
        return await self._call(
            "me/messages",
            {
                "recipient": {"id": outgoing.address["person"]},
                "messaging_type": "RESPONSE",
                "message": body,
            },
        )

    async def prepare(self) -> Attempt:
        """Set the greeting and the button that begins a chat."""
        return await self._call(
            "me/messenger_profile",
            {
                "get_started": {"payload": "command/start"},
                "greeting": [{"locale": "default", "text": GREETING[:160]}],
                "persistent_menu": [
                    {
                        "locale": "default",
                        "composer_input_disabled": False,
                        "call_to_actions": [
                            {"type": "postback", "title": "Help", "payload": "command/help"},
                            {
                                "type": "postback",
                                "title": "Delete my data",
                                "payload": "command/delete",
                            },
                        ],
                    }
                ],
            },
        )

    async def _call(self, path: str, body: Payload) -> Attempt:
        answer = await self.exchange("POST", f"{self._base}/{path}", params=self._access, json=body)
        return answer if isinstance(answer, Attempt) else judge(*answer)

    def _challenge(self, request: Request) -> Answer:
        given = request.query.get("hub.verify_token", "")
        if request.query.get("hub.mode") != "subscribe" or not hmac.compare_digest(
            given.encode(), self._verify.encode()
        ):
            return REFUSED
        return Answer(body=request.query.get("hub.challenge", "")[:500])


def judge(status: int, headers: dict[str, str], raw: bytes) -> Attempt:
    """Judge the Graph API's answer to a call."""
    answer = read_object(raw)
    if status == 200:
        if answer.get("message_id") or answer.get("result") == "success":
            return Attempt(Outcome.SENT)
        return Attempt(Outcome.DOUBT, "an answer without a message id")
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    code = error.get("code")
    if code in RATE_CODES:
        return Attempt(Outcome.WAIT, f"code {code}", _usage_wait(headers))
    known = by_status(status, headers)
    if known and code not in UNREACHABLE_CODES:
        return known
    reason = f"{status}, code {code}, subcode {error.get('error_subcode')}"
    if code == 190 or status == 401:
        return Attempt(Outcome.RETRY, f"{reason}; STRIDEWELL_MESSENGER_TOKEN may be wrong")
    if code in RETRY_CODES or error.get("is_transient") is True:
        return Attempt(Outcome.RETRY, reason)
    if code in UNREACHABLE_CODES:
        return Attempt(Outcome.UNREACHABLE, reason)
    return Attempt(Outcome.REJECTED, reason)


def _usage_wait(headers: dict[str, str]) -> float:
    """Return the seconds until calls are taken again, as far as the usage header says."""
    try:
        usage = json.loads(headers.get("X-Business-Use-Case-Usage", ""))
        minutes = max(
            float(entry.get("estimated_time_to_regain_access", 0))
            for entries in usage.values()
            for entry in entries
        )
    except (ValueError, TypeError, AttributeError):
        return RATE_WAIT
    return min(minutes * 60, 3600.0) or RATE_WAIT


def read_batch(content: Any) -> list[Incoming]:
    """Read all messages of a batch, in the order in which they were written."""
    if not isinstance(content, dict) or content.get("object") != "page":
        return []
    found = []
    for entry in _dicts(content.get("entry")):
        # Events under "standby" belong to another app that has the conversation.
        for event in _dicts(entry.get("messaging")):
            message = read_event(event)
            if message is not None:
                found.append(message)
    return sorted(found, key=lambda message: message.order)


def read_event(event: dict[str, Any]) -> Incoming | None:
    """Read one event; None if there is nothing in it to answer."""
    sender = event.get("sender")
    person = sender.get("id") if isinstance(sender, dict) else None
    if not isinstance(person, str) or not person.isdecimal():
        return None
    order = event.get("timestamp")
    stamp = float(order) if isinstance(order, int | float) else 0.0
    message, postback = event.get("message"), event.get("postback")
    if isinstance(message, dict):
        return _read_message(person, stamp, message)
    if isinstance(postback, dict):
        payload = str(postback.get("payload", ""))
        key = str(postback.get("mid") or f"{person}-{order}-{payload}")
        kind = COMMANDS.get(payload, Kind.CHOICE)
        choice = payload if kind is Kind.CHOICE else ""
        return _incoming(person, key, stamp, kind, choice=choice)
    return None


def _read_message(person: str, stamp: float, message: dict[str, Any]) -> Incoming | None:
    key = message.get("mid")
    if not isinstance(key, str) or message.get("is_echo") or message.get("is_deleted"):
        return None
    reply, text = message.get("quick_reply"), message.get("text")
    if isinstance(reply, dict):
        return _incoming(person, key, stamp, Kind.CHOICE, choice=str(reply.get("payload", "")))
    if isinstance(text, str) and text.strip():
        kind = WORDS.get(text.strip().casefold(), Kind.TEXT)
        return _incoming(person, key, stamp, kind, text=text if kind is Kind.TEXT else "")
    attachments = _dicts(message.get("attachments"))
    if attachments:
        stickers = [
            isinstance(a.get("payload"), dict) and "sticker_id" in a["payload"] for a in attachments
        ]
        return None if all(stickers) else _incoming(person, key, stamp, Kind.MEDIA)
    if isinstance(text, str):
        return _incoming(person, key, stamp, Kind.EMPTY)
    return None


def _incoming(
    person: str, key: str, stamp: float, kind: Kind, text: str = "", choice: str = ""
) -> Incoming:
    return Incoming(
        channel="messenger",
        key=key,
        conversation=f"messenger:{person}",
        address={"person": person},
        kind=kind,
        order=stamp,
        text=text,
        choice=choice,
    )


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _quick_replies(shown: list[tuple[str, str]]) -> list[Payload]:
    return [
        {"content_type": "text", "title": shorten(title, TITLE_LIMIT), "payload": reference}
        for title, reference in shown[:MOST_QUICK_REPLIES]
    ]


def _button_template(text: str, shown: list[tuple[str, str]]) -> Payload:
    return {
        "attachment": {
            "type": "template",
            "payload": {
                "template_type": "button",
                "text": text,
                "buttons": [
                    {
                        "type": "postback",
                        "title": shorten(title, TITLE_LIMIT),
                        "payload": reference,
                    }
                    for title, reference in shown
                ],
            },
        }
    }
