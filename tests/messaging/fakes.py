"""Stand-ins for the platforms: each enforces the documented signatures, limits and error answers.

They listen on loopback and speak the platforms' own protocols; nothing of the project's code is
used. What breaks a documented rule gets the documented error and is noted as a violation.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import requests
from aiohttp import BasicAuth, web

TIMEOUT = 20


@dataclass
class Shown:
    """What a person sees: text, buttons by title (what is behind each), small print."""

    text: str
    buttons: dict[str, str] = field(default_factory=dict)
    note: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one call: an answer, a cut after or before it took effect, a delay."""

    status: int = 0
    wait: float = 0.0
    cut: str = ""
    delay: float = 0.0


class Fake:
    """One platform. ``down`` refuses connections; ``faults`` hit the next messages to a person."""

    channel = ""
    path = ""
    _numbers = itertools.count(1000)

    def __init__(self, port: int) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.server_url = ""
        self.busy: Callable[[str], bool] = lambda conversation: False
        self.people: set[str] = set()
        self.shown: defaultdict[str, list[Shown]] = defaultdict(list)
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self.violations: list[str] = []
        self.calls: list[tuple[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self.up()

    # Being there and not

    def up(self) -> None:
        """Listen."""
        self._run(self._up())

    def down(self) -> None:
        """Refuse connections."""
        self._run(self._down())

    def close(self) -> None:
        """Stop for good."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT)

    async def _up(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def _down(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        return await self.call(request, body)

    async def call(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Take a call of the assistant."""
        raise NotImplementedError

    async def strike(
        self, person: str, request: web.Request, accept: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """Let the next fault of a person happen, or accept the message."""
        fault = self.faults[person].pop(0) if self.faults[person] else None
        if fault is None:
            return accept()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.status == 429:
            return self.slow_down(fault.wait)
        if fault.status:
            return web.Response(status=fault.status, text="<html>an error page</html>")
        if fault.cut == "after":
            accept()
        if fault.cut:
            assert request.transport is not None
            request.transport.abort()
        return accept() if not fault.cut else web.Response()

    def slow_down(self, wait: float) -> web.Response:
        """Answer as the platform does when it gets too much."""
        raise NotImplementedError

    def break_rule(self, rule: str, answer: web.Response) -> web.Response:
        """Note a broken rule and answer as documented."""
        self.violations.append(rule)
        return answer

    # Writing to the assistant

    def person(self) -> str:
        """Return somebody new."""
        raise NotImplementedError

    def conversation(self, person: str) -> str:
        """Return the sender id that the assistant gives this person."""
        raise NotImplementedError

    def text(self, person: str, text: str, **changes: Any) -> Any:
        """Return an event: somebody typed something."""
        raise NotImplementedError

    def media(self, person: str) -> Any:
        """Return an event: somebody sent a picture without words."""
        raise NotImplementedError

    def empty(self, person: str) -> Any:
        """Return an event: a message without anything in it."""
        raise NotImplementedError

    def unusable(self, person: str) -> list[Any]:
        """Return events of kinds that need no answer."""
        raise NotImplementedError

    def press(self, person: str, reference: str) -> Any:
        """Return an event: somebody pressed a button."""
        raise NotImplementedError

    def request(self, event: Any, signed: str = "right") -> tuple[bytes, dict[str, str]]:
        """Return body and headers of the webhook call.

        Args:
            event: What happened.
            signed: right, none, wrong or old.
        """
        raise NotImplementedError

    def deliver(self, event: Any, signed: str = "right") -> requests.Response:
        """Call the assistant's webhook."""
        body, headers = self.request(event, signed)
        return self.send_raw(body, headers)

    def send_raw(self, body: bytes, headers: dict[str, str]) -> requests.Response:
        """Call the assistant's webhook with these bytes."""
        return requests.post(
            f"{self.server_url}{self.path}", data=body, headers=headers, timeout=TIMEOUT
        )

    def number(self) -> int:
        """Return a number that was not used before."""
        return next(self._numbers)


class _Tags(HTMLParser):
    """Reads Telegram's HTML; refuses what Telegram refuses."""

    allowed = ("b", "strong", "i", "em", "u", "s", "a", "code", "pre", "blockquote", "tg-spoiler")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.note = "", ""
        self.open: list[str] = []
        self.error = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.allowed:
            self.error = f"Unsupported start tag {tag}"
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.error = f"Unexpected end tag {tag}"

    def handle_data(self, data: str) -> None:
        self.text += data
        if "i" in self.open:
            self.note += data


def utf16(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


class FakeTelegram(Fake):
    """The Bot API and the updates it sends."""

    channel = "telegram"
    path = "/webhooks/telegram/webhook"
    token = "123456789:" + "not-a-real-token-" * 2

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.webhook: dict[str, Any] = {}
        self.open_queries: set[str] = set()

    async def call(self, request: web.Request, body: bytes) -> web.StreamResponse:
        match = re.fullmatch(r"/bot([^/]+)/(\w+)", request.path)
        if not match or match[1] != self.token:
            return _telegram_error(401 if match else 404, "Unauthorized" if match else "Not Found")
        values = json.loads(body)
        self.calls.append((match[2], values))
        if match[2] == "setWebhook":
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", values["secret_token"]):
                return _telegram_error(
                    400, "Bad Request: secret token contains unallowed characters"
                )
            if not values["url"].startswith("https://"):
                return _telegram_error(
                    400, "Bad Request: bad webhook: An HTTPS URL must be provided"
                )
            self.webhook = values
            return _ok(True)
        if match[2] == "setMyCommands":
            return _ok(True)
        if match[2] == "answerCallbackQuery":
            if values["callback_query_id"] not in self.open_queries:
                return _telegram_error(
                    400, "Bad Request: query is too old and response timeout expired"
                )
            self.open_queries.discard(values["callback_query_id"])
            return _ok(True)
        if match[2] != "sendMessage":
            return _telegram_error(404, "Not Found")
        return await self._send(request, values)

    async def _send(self, request: web.Request, values: dict[str, Any]) -> web.StreamResponse:
        person = str(values.get("chat_id"))
        if person not in self.people:
            return _telegram_error(400, "Bad Request: chat not found")
        tags = _Tags()
        if values.get("parse_mode") == "HTML":
            tags.feed(values.get("text", ""))
            tags.close()
            if tags.error or tags.open:
                return self.break_rule(
                    "HTML", _telegram_error(400, f"Bad Request: can't parse entities: {tags.error}")
                )
        else:
            tags.text = values.get("text", "")
        if not tags.text.strip():
            return self.break_rule(
                "empty", _telegram_error(400, "Bad Request: message text is empty")
            )
        if utf16(tags.text) > 4096:
            return self.break_rule(
                "length", _telegram_error(400, "Bad Request: message is too long")
            )
        rows = values.get("reply_markup", {}).get("inline_keyboard", [])
        buttons = [button for row in rows for button in row]
        if any(not 1 <= len(b["callback_data"].encode()) <= 64 for b in buttons):
            return self.break_rule(
                "callback_data", _telegram_error(400, "Bad Request: BUTTON_DATA_INVALID")
            )
        if (
            any(not b["text"] for b in buttons)
            or len(buttons) > 100
            or any(len(r) > 8 for r in rows)
        ):
            return self.break_rule("keyboard", _telegram_error(400, "Bad Request: reply markup"))

        def accept() -> web.Response:
            shown = {b["text"]: b["callback_data"] for b in buttons}
            text = tags.text.removesuffix(tags.note).strip() if tags.note else tags.text
            self.shown[person].append(Shown(text, shown, tags.note, time.time()))
            return _ok({"message_id": self.number()})

        return await self.strike(person, request, accept)

    def slow_down(self, wait: float) -> web.Response:
        return web.json_response(
            {
                "ok": False,
                "error_code": 429,
                "description": f"Too Many Requests: retry after {wait:g}",
                "parameters": {"retry_after": wait},
            },
            status=429,
        )

    def person(self) -> str:
        number = str(self.number() + 70_000_000)
        self.people.add(number)
        return number

    def conversation(self, person: str) -> str:
        return f"telegram:{person}"

    def update(self, **parts: Any) -> dict[str, Any]:
        """Return an update with a number of its own."""
        return {"update_id": self.number(), **parts}

    def message(self, person: str, **parts: Any) -> dict[str, Any]:
        """Return a message in a private chat."""
        return {
            "message_id": self.number(),
            "date": int(time.time()),
            "chat": {"id": int(person), "type": "private", "first_name": "Sam"},
            "from": {"id": int(person), "is_bot": False, "first_name": "Sam"},
            **parts,
        }

    def text(self, person: str, text: str, **changes: Any) -> Any:
        return self.update(message=self.message(person, text=text, **changes))

    def media(self, person: str) -> Any:
        photo = [{"file_id": "x", "file_unique_id": "y", "width": 90, "height": 90}]
        return self.update(message=self.message(person, photo=photo))

    def empty(self, person: str) -> Any:
        return self.text(person, " ")

    def unusable(self, person: str) -> list[Any]:
        chat = {"id": int(person), "type": "private"}
        member = {"user": {"id": 1, "is_bot": True, "first_name": "b"}, "status": "member"}
        return [
            self.update(edited_message=self.message(person, text="edited")),
            self.update(channel_post=self.message(person, text="post")),
            self.update(message=self.message(person, sticker={"file_id": "s"})),
            self.update(message=self.message(person, new_chat_members=[{"id": 5}])),
            self.update(message=self.message(person, pinned_message={"message_id": 1})),
            self.update(my_chat_member={"chat": chat, "from": chat, "new_chat_member": member}),
            self.update(message_reaction={"chat": chat, "message_id": 5, "new_reaction": []}),
            self.update(poll={"id": "1", "question": "?"}),
            self.update(inline_query={"id": "1", "query": "x"}),
            self.update(something_new={"a": [1, 2]}),
            self.update(message=None),
            self.update(message={"chat": "wrong"}),
            {"update_id": "text"},
            [],
            None,
        ]

    def press(self, person: str, reference: str) -> Any:
        query = secrets.token_hex(8)
        self.open_queries.add(query)
        return self.update(
            callback_query={
                "id": query,
                "from": {"id": int(person), "is_bot": False, "first_name": "Sam"},
                "message": self.message(person, text="(a message of the bot)"),
                "chat_instance": "1",
                "data": reference,
            }
        )

    def request(self, event: Any, signed: str = "right") -> tuple[bytes, dict[str, str]]:
        headers = {"Content-Type": "application/json"}
        if signed in ("right", "old"):
            headers["X-Telegram-Bot-Api-Secret-Token"] = self.webhook["secret_token"]
        elif signed == "wrong":
            headers["X-Telegram-Bot-Api-Secret-Token"] = "wrong" * 5
        return json.dumps(event).encode(), headers


def _ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _telegram_error(status: int, description: str) -> web.Response:
    return web.json_response(
        {"ok": False, "error_code": status, "description": description}, status=status
    )


class FakeTwilio(Fake):
    """The Messages resource, Twilio's own opt-out handling, and its webhooks."""

    channel = "sms"
    path = "/webhooks/twilio/webhook"
    account = "AC" + "0123456789abcdef" * 2
    token = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    ours = "+15005550006"

    def __init__(self, port: int, public_url: str, whatsapp: bool = False) -> None:
        super().__init__(port)
        self.public_url = public_url
        self.whatsapp = whatsapp
        self.channel = "whatsapp" if whatsapp else "sms"
        self.log: list[dict[str, str]] = []
        self.opted_out: set[str] = set()

    async def call(self, request: web.Request, body: bytes) -> web.StreamResponse:
        expected = BasicAuth(self.account, self.token).encode()
        if request.headers.get("Authorization") != expected:
            return _twilio_error(401, 20003, "Authenticate")
        if request.path != f"/2010-04-01/Accounts/{self.account}/Messages.json":
            return _twilio_error(404, 20404, "The requested resource was not found")
        if request.method == "GET":
            found = [
                m
                for m in reversed(self.log)
                if m["to"] == request.query["To"] and m["from"] == request.query["From"]
            ]
            return web.json_response({"messages": found[: int(request.query["PageSize"])]})
        form = {str(k): str(v) for k, v in (await request.post()).items()}
        person, text = form.get("To", ""), form.get("Body", "")
        if not re.fullmatch(r"(whatsapp:)?\+\d{8,15}", person):
            return self.break_rule("To", _twilio_error(400, 21211, "Invalid 'To' Phone Number"))
        if not text:
            return self.break_rule("Body", _twilio_error(400, 21602, "Message body is required."))
        if len(text) > 1600:
            return self.break_rule(
                "length",
                _twilio_error(400, 21617, "The concatenated message body exceeds the 1600 limit"),
            )
        if person.startswith("whatsapp:") != form.get("From", "").startswith("whatsapp:"):
            return self.break_rule("From", _twilio_error(400, 21910, "Invalid From and To pair"))
        if person in self.opted_out:
            return _twilio_error(400, 21610, "Attempt to send to unsubscribed recipient")

        def accept() -> web.Response:
            self.shown[person].append(Shown(text, {}, "", time.time()))
            entry = {
                "sid": "SM" + secrets.token_hex(16),
                "to": person,
                "from": form["From"],
                "body": text.replace("\u2019", "'"),
                "date_created": formatdate(),
                "status": "queued",
            }
            self.log.append(entry)
            return web.json_response(entry, status=201)

        return await self.strike(person, request, accept)

    def slow_down(self, wait: float) -> web.Response:
        answer = _twilio_error(429, 20429, "Too Many Requests")
        answer.headers["Retry-After"] = f"{wait:g}"
        return answer

    def person(self) -> str:
        number = f"+1555{self.number():07d}"
        return f"whatsapp:{number}" if self.whatsapp else number

    def conversation(self, person: str) -> str:
        return person if self.whatsapp else f"sms:{person}"

    def text(self, person: str, text: str, **changes: Any) -> Any:
        word = text.strip().upper()
        if not self.whatsapp and word in (
            "STOP",
            "STOPALL",
            "UNSUBSCRIBE",
            "CANCEL",
            "END",
            "QUIT",
        ):
            self.opted_out.add(person)
        elif not self.whatsapp and word in ("START", "YES", "UNSTOP"):
            self.opted_out.discard(person)
        sid = "SM" + secrets.token_hex(16)
        return {
            "MessageSid": sid,
            "SmsSid": sid,
            "AccountSid": self.account,
            "From": person,
            "To": f"whatsapp:{self.ours}" if self.whatsapp else self.ours,
            "Body": text,
            "NumMedia": "0",
            "NumSegments": "1",
            "ApiVersion": "2010-04-01",
            "FromCity": "",
            **changes,
        }

    def media(self, person: str) -> Any:
        return self.text(
            person, "", NumMedia="1", MediaUrl0="https://x.test/1", MediaContentType0="image/jpeg"
        )

    def empty(self, person: str) -> Any:
        return self.text(person, "")

    def unusable(self, person: str) -> list[Any]:
        return [
            self.text("STRIDESHOP", "a name as sender"),
            self.text("messenger:12345", "another channel"),
            {k: v for k, v in self.text(person, "x").items() if not k.endswith("Sid")}
            | {"AccountSid": self.account},
            {"AccountSid": self.account},
        ]

    def press(self, person: str, reference: str) -> Any:
        return self.text(person, reference)

    def request(self, event: Any, signed: str = "right") -> tuple[bytes, dict[str, str]]:
        # Documented: the address, then every name and value, sorted by name; HMAC-SHA1, base64.
        signing = f"{self.public_url}{self.path}" + "".join(f"{k}{event[k]}" for k in sorted(event))
        key = self.token if signed in ("right", "old") else "another" * 4
        digest = hmac.new(key.encode(), signing.encode(), hashlib.sha1).digest()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if signed != "none":
            headers["X-Twilio-Signature"] = base64.b64encode(digest).decode()
        return urlencode(event).encode(), headers


def _twilio_error(status: int, code: int, message: str) -> web.Response:
    return web.json_response(
        {
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        },
        status=status,
    )


class FakeSlack(Fake):
    """The Web API, events, buttons and slash commands."""

    channel = "slack"
    path = "/webhooks/slack/webhook"
    token = "xoxb" + "-not-a-real-token"
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    team = "T0001"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.history: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    async def call(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if request.path.endswith("/conversations.history"):
            values = dict(request.query) or {
                str(k): str(v) for k, v in (await request.post()).items()
            }
            found = [
                m
                for m in self.history[str(values["channel"])]
                if float(m["ts"]) >= float(str(values["oldest"]))
            ]
            if values.get("include_all_metadata") not in ("1", "true", "True"):
                found = [{k: v for k, v in m.items() if k != "metadata"} for m in found]
            return web.json_response({"ok": True, "messages": found, "has_more": False})
        if not request.path.endswith("/chat.postMessage"):
            return web.json_response({"ok": False, "error": "unknown_method"})
        values = json.loads(body)
        channel = str(values.get("channel"))
        if channel not in self.people and channel.replace("D", "U", 1) not in self.people:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        error = self._check(values)
        if error:
            return self.break_rule(error, web.json_response({"ok": False, "error": error}))
        person = channel.replace("D", "U", 1)

        def accept() -> web.Response:
            stamp = f"{time.time():.6f}"
            self.shown[person].append(_slack_shown(values))
            self.history[channel.replace("U", "D", 1)].append({"ts": stamp, **values})
            return web.json_response({"ok": True, "ts": stamp, "channel": channel})

        return await self.strike(person, request, accept)

    def _check(self, values: dict[str, Any]) -> str:
        if not values.get("text") and not values.get("blocks"):
            return "no_text"
        if len(values.get("text", "")) > 40_000:
            return "msg_too_long"
        if re.search(r"&(?!amp;|lt;|gt;)|<(?!https?:|mailto:|tel:)", values.get("text", "")):
            return "unescaped_text"
        if len(values.get("blocks") or ()) > 50:
            return "invalid_blocks"
        for block in values.get("blocks") or ():
            elements = block.get("elements", [])
            if block["type"] == "section" and not 1 <= len(block["text"]["text"]) <= 3000:
                return "invalid_blocks"
            if block["type"] == "context" and not 1 <= len(elements) <= 10:
                return "invalid_blocks"
            if block["type"] == "actions":
                ids = [e["action_id"] for e in elements]
                if not 1 <= len(elements) <= 25 or len(set(ids)) != len(ids):
                    return "invalid_blocks"
                if any(
                    not 1 <= len(e["text"]["text"]) <= 75 or len(e["value"]) > 2000
                    for e in elements
                ):
                    return "invalid_blocks"
        return ""

    def slow_down(self, wait: float) -> web.Response:
        return web.json_response(
            {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": f"{wait:g}"}
        )

    def person(self) -> str:
        person = f"U{self.number():08d}"
        self.people.add(person)
        return person

    def conversation(self, person: str) -> str:
        return f"slack:{self.team}:{person}"

    def event(self, **parts: Any) -> dict[str, Any]:
        """Return an event in its envelope."""
        return {
            "token": "x",
            "team_id": self.team,
            "api_app_id": "A1",
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5)}",
            "event_time": int(time.time()),
            "event": parts,
        }

    def text(self, person: str, text: str, **changes: Any) -> Any:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        stamp = f"{time.time():.6f}"
        return self.event(
            **{
                "type": "message",
                "channel": person.replace("U", "D", 1),
                "channel_type": "im",
                "user": person,
                "text": escaped,
                "ts": stamp,
                "event_ts": stamp,
                **changes,
            }
        )

    def media(self, person: str) -> Any:
        return self.text(person, "", subtype="file_share", files=[{"id": "F1", "name": "x.jpg"}])

    def empty(self, person: str) -> Any:
        return self.text(person, "")

    def unusable(self, person: str) -> list[Any]:
        channel = person.replace("U", "D", 1)
        return [
            self.text(person, "x", subtype="message_changed"),
            self.text(person, "x", subtype="message_deleted"),
            self.text(person, "x", subtype="channel_join"),
            self.text(person, "I am the app itself", bot_id="B1"),
            self.text(person, "in a channel, not to the app", channel_type="channel"),
            self.event(type="reaction_added", user=person, reaction="eyes", item={}),
            self.event(type="app_home_opened", user=person, channel=channel),
            self.event(type="something_new", user=[1]),
            self.event(type="message", channel_type="im", user=None, text=5),
            {"type": "app_rate_limited", "team_id": self.team},
            {"type": "event_callback", "event": "wrong"},
        ]

    def press(self, person: str, reference: str) -> Any:
        payload = {
            "type": "block_actions",
            "team": {"id": self.team},
            "user": {"id": person, "team_id": self.team},
            "channel": {"id": person.replace("U", "D", 1), "name": "directmessage"},
            "trigger_id": secrets.token_hex(8),
            "actions": [
                {
                    "type": "button",
                    "action_id": "choice-0",
                    "block_id": "b",
                    "value": reference,
                    "action_ts": f"{time.time():.6f}",
                }
            ],
        }
        return {"form": {"payload": json.dumps(payload)}}

    def command(self, person: str, text: str) -> Any:
        """Return an event: somebody used the slash command."""
        return {
            "form": {
                "command": "/stridewell",
                "text": text,
                "user_id": person,
                "team_id": self.team,
                "channel_id": "C1",
                "trigger_id": secrets.token_hex(8),
            }
        }

    def request(self, event: Any, signed: str = "right") -> tuple[bytes, dict[str, str]]:
        if isinstance(event, dict) and "form" in event:
            body, kind = urlencode(event["form"]).encode(), "application/x-www-form-urlencoded"
        else:
            body, kind = json.dumps(event).encode(), "application/json"
        stamp = str(int(time.time()) - (400 if signed == "old" else 0))
        secret = "other" * 6 if signed == "wrong" else self.secret
        # Documented: v0=HMAC-SHA256 of "v0:timestamp:body".
        digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
        headers = {"Content-Type": kind}
        if signed != "none":
            headers |= {
                "X-Slack-Request-Timestamp": stamp,
                "X-Slack-Signature": f"v0={digest.hexdigest()}",
            }
        return body, headers


def _slack_shown(values: dict[str, Any]) -> Shown:
    def plain(text: str) -> str:
        return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    blocks = values.get("blocks")
    if not blocks:
        return Shown(plain(values["text"]), {}, "", time.time())
    shown = Shown("", {}, "", time.time())
    for block in blocks:
        if block["type"] == "section":
            shown.text += plain(block["text"]["text"])
        elif block["type"] == "context":
            shown.note += " ".join(plain(e["text"]) for e in block["elements"])
        else:
            shown.buttons |= {e["text"]["text"]: e["value"] for e in block["elements"]}
    return shown


class FakeMessenger(Fake):
    """The Send API and its webhook batches."""

    channel = "messenger"
    path = "/webhooks/messenger/webhook"
    token = "EAAfakefakefakefakefake"
    secret = "00112233445566778899aabbccddeeff"
    verify = "a-word-of-our-own"

    async def call(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.query.get("access_token") != self.token:
            return _graph_error(400, 190, "Invalid OAuth access token.")
        proof = hmac.new(self.secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
        if request.query.get("appsecret_proof") != proof:
            return _graph_error(400, 100, "Invalid appsecret_proof provided in the API argument")
        values = json.loads(body)
        self.calls.append((request.path, values))
        if request.path == "/v25.0/me/messenger_profile":
            return web.json_response({"result": "success"})
        if request.path != "/v25.0/me/messages":
            return _graph_error(404, 2500, "Unknown path components")
        person = str(values.get("recipient", {}).get("id"))
        if person not in self.people:
            return _graph_error(400, 100, "No matching user found", 2018001)
        error = self._check(values)
        if error:
            return self.break_rule(error, _graph_error(400, 100, f"(#100) {error}"))

        def accept() -> web.Response:
            self.shown[person].append(_messenger_shown(values["message"]))
            return web.json_response({"recipient_id": person, "message_id": secrets.token_hex(9)})

        return await self.strike(person, request, accept)

    def _check(self, values: dict[str, Any]) -> str:
        message = values.get("message", {})
        if values.get("messaging_type") not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            return "messaging_type"
        if "attachment" in message:
            template = message["attachment"]["payload"]
            if "text" in message or template["template_type"] != "button":
                return "template"
            if not 1 <= utf16(template["text"]) <= 640:
                return "button text must be 640 characters at most"
            if not 1 <= len(template["buttons"]) <= 3:
                return "buttons"
            if any(
                not 1 <= utf16(b["title"]) <= 20 or len(b["payload"]) > 1000
                for b in template["buttons"]
            ):
                return "button title"
            return ""
        if not 1 <= utf16(message.get("text", "")) <= 2000:
            return "text must be 2000 characters at most"
        replies = message.get("quick_replies", [])
        if len(replies) > 13 or any(
            not 1 <= utf16(r["title"]) <= 20 or not 1 <= len(r["payload"]) <= 1000 for r in replies
        ):
            return "quick_replies"
        return ""

    def slow_down(self, wait: float) -> web.Response:
        usage = {"1": [{"estimated_time_to_regain_access": wait / 60, "type": "messenger"}]}
        answer = _graph_error(400, 613, "Calls to this API have exceeded the rate limit.")
        answer.headers["X-Business-Use-Case-Usage"] = json.dumps(usage)
        return answer

    def person(self) -> str:
        person = str(self.number() + 4_000_000_000)
        self.people.add(person)
        return person

    def conversation(self, person: str) -> str:
        return f"messenger:{person}"

    def batch(self, *events: dict[str, Any], where: str = "messaging") -> dict[str, Any]:
        """Return events in the envelope of a batch."""
        return {
            "object": "page",
            "entry": [{"id": "1", "time": int(time.time() * 1000), where: list(events)}],
        }

    def one(self, person: str, **parts: Any) -> dict[str, Any]:
        """Return a single event."""
        return {
            "sender": {"id": person},
            "recipient": {"id": "1"},
            "timestamp": int(time.time() * 1000),
            **parts,
        }

    def mid(self) -> str:
        """Return a new message id."""
        return f"m_{secrets.token_hex(12)}"

    def text(self, person: str, text: str, **changes: Any) -> Any:
        return self.batch(self.one(person, message={"mid": self.mid(), "text": text, **changes}))

    def media(self, person: str) -> Any:
        image = {"type": "image", "payload": {"url": "https://x.test/1.jpg"}}
        return self.batch(self.one(person, message={"mid": self.mid(), "attachments": [image]}))

    def empty(self, person: str) -> Any:
        return self.text(person, "")

    def unusable(self, person: str) -> list[Any]:
        sticker = {"type": "image", "payload": {"sticker_id": 369239263222822, "url": "x"}}
        return [
            self.batch(
                self.one(person, message={"mid": self.mid(), "text": "me", "is_echo": True})
            ),
            self.batch(self.one(person, message={"mid": self.mid(), "attachments": [sticker]})),
            self.batch(self.one(person, delivery={"mids": ["m"], "watermark": 1})),
            self.batch(self.one(person, read={"watermark": 1})),
            self.batch(self.one(person, reaction={"reaction": "love", "action": "react"})),
            self.batch(self.one(person, referral={"ref": "x", "source": "SHORTLINK"})),
            self.batch(
                self.one(person, message={"mid": self.mid(), "text": "not ours"}), where="standby"
            ),
            self.batch(self.one(person, something_new={"a": 1})),
            self.batch({"sender": "wrong"}),
            {"object": "instagram", "entry": []},
            {"object": "page", "entry": "wrong"},
            [],
            None,
        ]

    def press(self, person: str, reference: str) -> Any:
        postback = {"mid": self.mid(), "title": "x", "payload": reference}
        return self.batch(self.one(person, postback=postback))

    def request(self, event: Any, signed: str = "right") -> tuple[bytes, dict[str, str]]:
        body = json.dumps(event).encode()
        secret = "other" * 6 if signed == "wrong" else self.secret
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json"}
        if signed != "none":
            headers["X-Hub-Signature-256"] = f"sha256={digest}"
        return body, headers


def _messenger_shown(message: dict[str, Any]) -> Shown:
    if "attachment" in message:
        template = message["attachment"]["payload"]
        buttons = {b["title"]: b["payload"] for b in template["buttons"]}
        return Shown(template["text"], buttons, "", time.time())
    replies = {r["title"]: r["payload"] for r in message.get("quick_replies", [])}
    return Shown(message["text"], replies, "", time.time())


def _graph_error(status: int, code: int, message: str, subcode: int = 0) -> web.Response:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "x"}
    if subcode:
        error["error_subcode"] = subcode
    return web.json_response({"error": error}, status=status)
