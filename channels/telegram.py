"""Telegram's Bot API: webhook updates in, HTML messages with inline keyboards out.

Verified by the secret header that ``setWebhook`` arranges. Limits: 4096 characters after the
entities are parsed, 64 bytes behind a button.
"""

from __future__ import annotations

import hmac
import html
import re
from typing import Any

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
    load_json,
    read_object,
)
from channels.messaging.rendering import (
    shorten,
    sources_line,
    spans,
    split,
    to_html,
    to_plain,
    utf16_length,
)
from channels.messaging.settings import PlatformSettings

TEXT_LIMIT = 4096
TITLE_LIMIT = 60
SIDE_BY_SIDE = 18
UPDATES = ("message", "callback_query")
COMMANDS = {"start": Kind.START, "help": Kind.HELP, "stop": Kind.STOP, "delete": Kind.DELETE}
DESCRIPTIONS = {
    "start": "Begin, or begin again",
    "help": "What I can do",
    "delete": "Delete this chat from my records",
    "stop": "Get no more messages",
}
MEDIA = (
    "photo",
    "voice",
    "video",
    "video_note",
    "audio",
    "document",
    "animation",
    "location",
    "venue",
    "contact",
    "poll",
    "story",
    "paid_media",
)

# A link to the bot may add a word to /start.
_COMMAND = re.compile(r"/(start)(?:@\w+)?(?:\s+[\w-]{1,64})?|/(help|stop|delete)(?:@\w+)?", re.I)


class Telegram(Platform):
    """Telegram.

    Args:
        settings: Token, secret and address of the API.
    """

    name = "telegram"
    channels = ("telegram",)

    def __init__(self, settings: PlatformSettings) -> None:
        super().__init__()
        self._secret = settings["secret"]
        self._base = f"{settings['api']}/bot{settings['token']}"
        self._webhook = f"{settings.public_url}/webhooks/telegram/webhook"

    def receive(self, request: Request) -> Answer:
        """Read an update (see parent class for full docstring)."""
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return REFUSED
        try:
            update = load_json(request.body)
        except ValueError:
            return MALFORMED
        message = read_update(update)
        return Answer(incoming=(message,) if message else ())

    def render(self, channel: str, message: BotMessage, offer: Offer | None) -> list[Piece]:
        """Lay out a message (see parent class for full docstring)."""
        choices, feedback = self.buttons(message, offer)
        text, source = message.text, sources_line(message.sources)
        parts = split(text, TEXT_LIMIT, _shown_length)
        bodies = [to_html(part) for part in parts]
        plains = [to_plain(part) for part in parts]
        if source:
            if _shown_length(parts[-1]) + utf16_length(source) + 2 <= TEXT_LIMIT:
                bodies[-1] += f"\n\n<i>{html.escape(source, quote=False)}</i>"
                plains[-1] += f"\n\n{source}"
            else:
                bodies.append(f"<i>{html.escape(source, quote=False)}</i>")
                plains.append(source)
        pieces = []
        for number, (body, plain) in enumerate(zip(bodies, plains, strict=True), start=1):
            payload: dict[str, Any] = {
                "text": body,
                "parse_mode": "HTML",
                "link_preview_options": {"is_disabled": True},
            }
            if number == len(bodies) and (choices or feedback):
                payload["reply_markup"] = {"inline_keyboard": _keyboard(choices, feedback)}
            bare = {k: v for k, v in payload.items() if k != "parse_mode"} | {"text": plain}
            pieces.append(Piece(payload, bare))
        return pieces

    async def send(self, outgoing: Outgoing, body: dict[str, Any]) -> Attempt:
        """Send a message (see parent class for full docstring)."""
        return await self._call("sendMessage", {"chat_id": outgoing.address["chat"], **body})

    async def confirm(self, incoming: Incoming, title: str) -> None:
        """Stop the button's spinner and show what was picked."""
        body: dict[str, Any] = {"callback_query_id": incoming.receipt}
        if title:
            body["text"] = shorten(title, 200)
        await self._call("answerCallbackQuery", body)

    async def prepare(self) -> Attempt:
        """Register the webhook and the list of commands."""
        attempt = await self._call(
            "setWebhook",
            {
                "url": self._webhook,
                "secret_token": self._secret,
                "allowed_updates": list(UPDATES),
                "max_connections": 40,
            },
        )
        if attempt.outcome is not Outcome.SENT:
            return attempt
        commands = [{"command": k, "description": v} for k, v in DESCRIPTIONS.items()]
        return await self._call("setMyCommands", {"commands": commands})

    async def _call(self, method: str, body: dict[str, Any]) -> Attempt:
        answer = await self.exchange("POST", f"{self._base}/{method}", json=body)
        return answer if isinstance(answer, Attempt) else judge(*answer)


def judge(status: int, headers: dict[str, str], raw: bytes) -> Attempt:
    """Judge Telegram's answer to a call."""
    answer = read_object(raw)
    if status == 200 and answer.get("ok") is True:
        return Attempt(Outcome.SENT)
    parameters = answer.get("parameters")
    if status == 429 and isinstance(parameters, dict) and "retry_after" in parameters:
        return Attempt(Outcome.WAIT, "429", float(parameters["retry_after"]))
    known = by_status(status, headers)
    if known:
        return known
    reason = f"{status} {str(answer.get('description', ''))[:80]}".strip()
    if status in (401, 404):
        return Attempt(Outcome.RETRY, f"{reason}; STRIDEWELL_TELEGRAM_TOKEN may be wrong")
    if status == 403 or "chat not found" in reason or "user is deactivated" in reason:
        return Attempt(Outcome.UNREACHABLE, reason)
    if status == 200:
        return Attempt(Outcome.DOUBT, "an answer that is no JSON")
    return Attempt(Outcome.REJECTED, reason)


def read_update(update: Any) -> Incoming | None:
    """Read an update; None if there is nothing in it to answer."""
    if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
        return None
    if isinstance(update.get("callback_query"), dict):
        return _read_button(update["callback_query"])
    message = update.get("message")
    if not isinstance(message, dict):
        return None
    chat, sender = message.get("chat"), message.get("from")
    if not isinstance(chat, dict) or not isinstance(chat.get("id"), int):
        return None
    if isinstance(sender, dict) and sender.get("is_bot") is True:
        return None
    key = str(update["update_id"])
    if chat.get("type") != "private":
        addressed = isinstance(message.get("text"), str) or isinstance(message.get("caption"), str)
        return _incoming(key, message, Kind.GROUP) if addressed else None
    text = message.get("text", message.get("caption"))
    if isinstance(text, str):
        return _read_text(key, message, text)
    if any(message.get(kind) for kind in MEDIA):
        album = message.get("media_group_id")
        return _incoming(f"album-{album}" if album else key, message, Kind.MEDIA)
    return None


def _read_text(key: str, message: dict[str, Any], text: str) -> Incoming:
    command = _COMMAND.fullmatch(text.strip())
    if command:
        return _incoming(key, message, COMMANDS[(command[1] or command[2]).lower()])
    if not text.strip():
        return _incoming(key, message, Kind.EMPTY)
    return _incoming(key, message, Kind.TEXT, text=text)


def _incoming(key: str, message: dict[str, Any], kind: Kind, text: str = "") -> Incoming:
    chat = message["chat"]["id"]
    return Incoming(
        channel="telegram",
        key=key,
        conversation=f"telegram:{chat}",
        address={"chat": str(chat)},
        kind=kind,
        order=_number(message.get("message_id")),
        text=text,
    )


def _read_button(query: dict[str, Any]) -> Incoming | None:
    message, sender = query.get("message"), query.get("from")
    if not isinstance(message, dict) or not isinstance(sender, dict):
        return None
    chat = message.get("chat")
    if not isinstance(chat, dict):
        return None
    # In a private chat, chat and person have the same number; nobody else's press counts.
    if not isinstance(chat.get("id"), int) or chat["id"] != sender.get("id"):
        return None
    return Incoming(
        channel="telegram",
        key=f"press-{query.get('id')}",
        conversation=f"telegram:{chat['id']}",
        address={"chat": str(chat["id"])},
        kind=Kind.CHOICE,
        choice=str(query.get("data", "")),
        order=_number(message.get("message_id")) + 0.5,
        receipt=str(query.get("id", "")),
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int) else 0.0


def _shown_length(text: str) -> int:
    return sum(utf16_length(span.text) + utf16_length(span.link) for span in spans(text))


def _keyboard(
    choices: list[tuple[str, str]], feedback: list[tuple[str, str]]
) -> list[list[dict[str, str]]]:
    rows: list[list[dict[str, str]]] = []
    for title, reference in choices:
        button = {"text": shorten(title, TITLE_LIMIT), "callback_data": reference}
        beside = rows[-1] if rows else None
        if (
            beside is not None
            and len(beside) == 1
            and len(title) <= SIDE_BY_SIDE
            and len(beside[0]["text"]) <= SIDE_BY_SIDE
        ):
            beside.append(button)
        else:
            rows.append([button])
    if feedback:
        marks = ("👍", "👎")
        rows.append(
            [
                {"text": f"{mark} {title}", "callback_data": reference}
                for mark, (title, reference) in zip(marks, feedback, strict=False)
            ]
        )
    return rows
