"""Slack: events, buttons and slash commands in, Block Kit messages through slack_sdk out.

Verified with slack_sdk's signature verifier (v0, five minutes). Answers go to direct messages only:
whoever mentions the app in a channel gets the answer in private. Limits: 3000 characters a section,
75 a button, 25 buttons a block, 50 blocks.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.metadata import Metadata
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

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
    CONNECT_SECONDS,
    MALFORMED,
    NETWORK_ERRORS,
    REFUSED,
    TOTAL_SECONDS,
    Answer,
    Departure,
    Platform,
    Request,
    by_status,
    load_json,
)
from channels.messaging.rendering import (
    escape_mrkdwn,
    shorten,
    sources_line,
    split,
    to_mrkdwn,
    to_plain,
)
from channels.messaging.settings import PlatformSettings

TEXT_LIMIT = 3000
CONTEXT_LIMIT = 2000
TITLE_LIMIT = 75
BUTTONS_A_BLOCK = 25
METADATA_EVENT = "stridewell_message"
WORDS = {
    "start": Kind.START,
    "help": Kind.HELP,
    "": Kind.HELP,
    "stop": Kind.STOP,
    "delete": Kind.DELETE,
}
READABLE_SUBTYPES = (None, "file_share", "thread_broadcast", "me_message")
UNREACHABLE = (
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "user_not_found",
    "user_disabled",
    "cannot_dm_bot",
    "messages_tab_disabled",
    "restricted_action",
)
WRONG_SETTINGS = (
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "missing_scope",
    "no_permission",
    "org_login_required",
    "ekm_access_denied",
    "access_denied",
)
# Slack's words: some of the operation may have succeeded before the error.
DOUBTFUL = ("internal_error", "fatal_error", "request_timeout")


class Slack(Platform):
    """Slack.

    Args:
        settings: Token, signing secret and address of the API.
    """

    name = "slack"
    channels = ("slack",)

    def __init__(self, settings: PlatformSettings) -> None:
        super().__init__()
        self._verifier = SignatureVerifier(settings["secret"])
        self._token, self._base = settings["token"], settings["api"]

    def receive(self, request: Request) -> Answer:
        """Read an event, a pressed button or a slash command (see parent class)."""
        if not self._is_genuine(request):
            return REFUSED
        try:
            if "form" in request.headers.get("Content-Type", ""):
                fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
                if "payload" not in fields:
                    return _answer(read_command(fields))
                return _answer(*read_buttons(load_json(fields["payload"])))
            content = load_json(request.body)
        except ValueError:
            return MALFORMED
        if not isinstance(content, dict):
            return MALFORMED
        if content.get("type") == "url_verification":
            return Answer(body=str(content.get("challenge", ""))[:500])
        return _answer(read_event(content))

    def render(self, channel: str, message: BotMessage, offer: Offer | None) -> list[Piece]:
        """Lay out a message (see parent class for full docstring)."""
        choices, feedback = self.buttons(message, offer)
        parts = split(message.text, TEXT_LIMIT, lambda text: len(to_mrkdwn(text)))
        pieces = []
        for number, part in enumerate(parts, start=1):
            blocks: list[Block] = [
                SectionBlock(text=MarkdownTextObject(text=to_mrkdwn(part), verbatim=True))
            ]
            text = to_plain(part)
            if number == len(parts):
                blocks += _extras(message, choices, feedback)
                if message.sources:
                    text += f"\n{sources_line(message.sources)}"
            body = {
                "text": escape_mrkdwn(text),
                "blocks": [block.to_dict() for block in blocks],
            }
            pieces.append(Piece(body, {"text": escape_mrkdwn(text)}))
        return pieces

    async def send(self, outgoing: Outgoing, body: dict[str, Any]) -> Attempt:
        """Send a message (see parent class for full docstring)."""
        metadata = Metadata(event_type=METADATA_EVENT, event_payload={"id": outgoing.id})
        with Departure() as departure:
            try:
                await self._client().chat_postMessage(
                    channel=outgoing.address["channel"],
                    text=body["text"],
                    blocks=body.get("blocks"),
                    metadata=metadata,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            except SlackApiError as error:
                return judge(error)
            except SlackClientError as error:
                return Attempt(Outcome.REJECTED, type(error).__name__)
            except NETWORK_ERRORS as error:
                return departure.failure(error)
        return Attempt(Outcome.SENT)

    async def was_delivered(self, outgoing: Outgoing) -> bool | None:
        """Look for the message's mark in the direct messages."""
        channel = outgoing.address["channel"]
        if not channel.startswith("D"):
            return None
        try:
            answer = await self._client().conversations_history(
                channel=channel,
                oldest=f"{outgoing.started - 60:.6f}",
                limit=100,
                include_all_metadata=True,
            )
        except SlackApiError as error:
            if judge(error).outcome in (Outcome.REJECTED, Outcome.UNREACHABLE):
                return None
            raise
        for message in answer.get("messages") or ():
            metadata = message.get("metadata") or {}
            if (metadata.get("event_payload") or {}).get("id") == outgoing.id:
                return True
        return False

    def _client(self) -> AsyncWebClient:
        # The client's own retries would send a message a second time after a cut connection.
        return AsyncWebClient(
            token=self._token,
            base_url=self._base,
            timeout=int(TOTAL_SECONDS + CONNECT_SECONDS),
            session=self.session,
            retry_handlers=[],
        )

    def _is_genuine(self, request: Request) -> bool:
        try:
            return bool(
                self._verifier.is_valid(
                    body=request.body,
                    timestamp=request.headers.get("X-Slack-Request-Timestamp"),
                    signature=request.headers.get("X-Slack-Signature"),
                )
            )
        except (ValueError, TypeError, OverflowError):
            return False


def judge(error: SlackApiError) -> Attempt:
    """Judge Slack's refusal."""
    response = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", 0) or 0)
    headers = {str(k).title(): str(v) for k, v in dict(response.headers or {}).items()}
    known = by_status(status, headers)
    if known:
        return known
    data = getattr(response, "data", None)
    reason = str(data.get("error", "")) if isinstance(data, dict) else ""
    if reason in ("ratelimited", "rate_limited", "message_limit_exceeded"):
        return Attempt(Outcome.WAIT, reason, 1.0)
    if reason in DOUBTFUL or not reason:
        return Attempt(Outcome.DOUBT, reason or "an answer that is no JSON")
    if reason in ("service_unavailable", "team_added_to_org"):
        return Attempt(Outcome.RETRY, reason)
    if reason in WRONG_SETTINGS:
        return Attempt(Outcome.RETRY, f"{reason}; STRIDEWELL_SLACK_TOKEN may be wrong")
    if reason in UNREACHABLE:
        return Attempt(Outcome.UNREACHABLE, reason)
    return Attempt(Outcome.REJECTED, reason)


def read_event(content: dict[str, Any]) -> Incoming | None:
    """Read an event; None if there is nothing in it to answer."""
    event = content.get("event")
    if content.get("type") != "event_callback" or not isinstance(event, dict):
        return None
    kind = event.get("type")
    direct = kind == "message" and event.get("channel_type") == "im"
    if not direct and kind != "app_mention":
        return None
    if event.get("bot_id") or event.get("subtype") not in READABLE_SUBTYPES:
        return None
    user, channel, stamp = event.get("user"), event.get("channel"), event.get("ts")
    team = content.get("team_id")
    if not all(isinstance(v, str) and v for v in (user, channel, stamp, team)):
        return None
    text = event.get("text")
    text = unescape(text) if isinstance(text, str) else ""
    if text.strip():
        read = WORDS.get(text.strip().casefold().removeprefix("/"), Kind.TEXT)
    else:
        read = Kind.MEDIA if event.get("files") else Kind.EMPTY
    return Incoming(
        channel="slack",
        # A mention in a direct message comes as two events about the same message.
        key=f"{channel}-{stamp}",
        conversation=f"slack:{team}:{user}",
        address={"channel": str(channel if direct else user)},
        kind=read,
        text=text if read is Kind.TEXT else "",
        order=_stamp(str(stamp)),
    )


def read_buttons(content: Any) -> tuple[Incoming | None, ...]:
    """Read the buttons that somebody pressed in a direct message."""
    if not isinstance(content, dict) or content.get("type") != "block_actions":
        return ()
    user, team, channel = (_id(content.get(name)) for name in ("user", "team", "channel"))
    if not (user and team and channel):
        return ()
    found = []
    for action in content.get("actions") or ():
        if isinstance(action, dict) and action.get("type") == "button":
            found.append(
                Incoming(
                    channel="slack",
                    key=f"press-{channel}-{action.get('action_ts')}-{action.get('value')}",
                    conversation=f"slack:{team}:{user}",
                    address={"channel": channel},
                    kind=Kind.CHOICE,
                    choice=str(action.get("value", "")),
                    order=_stamp(str(action.get("action_ts"))),
                )
            )
    return tuple(found)


def read_command(fields: dict[str, str]) -> Incoming | None:
    """Read a slash command such as ``/stridewell delete``."""
    user, team, trigger = (fields.get(k, "") for k in ("user_id", "team_id", "trigger_id"))
    if not (user and team and trigger and fields.get("command")):
        return None
    text = unescape(fields.get("text", "")).strip()
    kind = WORDS.get(text.casefold(), Kind.TEXT)
    return Incoming(
        channel="slack",
        key=f"command-{trigger}",
        conversation=f"slack:{team}:{user}",
        address={"channel": user},
        kind=kind,
        text=text if kind is Kind.TEXT else "",
        order=1e12,
    )


def unescape(text: str) -> str:
    """Return what the person typed: without mentions, with Slack's entities resolved."""
    parts = []
    for number, part in enumerate(text.replace("<", "\x00<").replace(">", ">\x00").split("\x00")):
        if number and part.startswith("<") and part.endswith(">"):
            inside = part[1:-1]
            if inside[:1] in "@#!":
                continue
            address, _, label = inside.partition("|")
            parts.append(label or address)
        else:
            parts.append(part)
    joined = "".join(parts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return joined.strip()


def _answer(*messages: Incoming | None) -> Answer:
    return Answer(incoming=tuple(m for m in messages if m is not None))


def _id(value: Any) -> str:
    return str(value.get("id") or "") if isinstance(value, dict) else ""


def _stamp(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _extras(
    message: BotMessage, choices: list[tuple[str, str]], feedback: list[tuple[str, str]]
) -> list[Block]:
    blocks: list[Block] = []
    if message.sources:
        source = shorten(escape_mrkdwn(sources_line(message.sources)), CONTEXT_LIMIT, len)
        blocks.append(ContextBlock(elements=[MarkdownTextObject(text=source, verbatim=True)]))
    for start in range(0, len(choices), BUTTONS_A_BLOCK):
        blocks.append(_buttons(choices[start : start + BUTTONS_A_BLOCK], "choice"))
    if feedback:
        marks = (":thumbsup: ", ":thumbsdown: ")
        blocks.append(
            _buttons(
                [
                    (mark + title, reference)
                    for mark, (title, reference) in zip(marks, feedback, strict=False)
                ],
                "feedback",
            )
        )
    return blocks


def _buttons(pairs: list[tuple[str, str]], name: str) -> ActionsBlock:
    return ActionsBlock(
        elements=[
            ButtonElement(
                text=PlainTextObject(text=shorten(title, TITLE_LIMIT), emoji=True),
                action_id=f"{name}-{reference.rsplit(':', 1)[1]}",
                value=reference,
            )
            for title, reference in pairs
        ]
    )
