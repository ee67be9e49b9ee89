"""The website channel: the chat's API, the widget and the pages, as a Rasa input channel.

Takes HTTP calls of the widget, described in ``website.openapi.yml``, and hands on each message to
the dialogue server's agent. Who calls is read from a signed token that this server issued; nothing
else names a conversation.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy.exc
from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.core.lock_store import LockError
from sanic import Blueprint, Sanic, response
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse
from sanic_cors.core import SANIC_CORS_EVALUATED

from stridewell.content.register import load_register
from stridewell.deletion import DeletionError, delete_conversation
from stridewell.records import Records
from stridewell.settings import ROOT, region
from stridewell.web.errors import ApiError
from stridewell.web.headers import SECURITY_HEADERS
from stridewell.web.origins import caller_address, check_origin
from stridewell.web.pages import Page, Widget, build_pages
from stridewell.web.rates import Rates
from stridewell.web.requests import parse
from stridewell.web.sessions import Sessions
from stridewell.web.settings import WebsiteSettings
from stridewell.web.transcript import describe_conversation, starters
from stridewell.web.turns import (
    CHANNEL,
    LOCK_POLL_SECONDS,
    SCREENED_LENGTH,
    Turns,
    conversation_events,
)

logger = logging.getLogger(__name__)

API = "/chat/"
PROBES = ("/healthz", "/readyz")
MOST_BYTES_A_CHARACTER = 12  # A character outside the basic plane, escaped: \ud83d\ude00.
SCREENED_BYTES_A_CHARACTER = 2
OTHER_BYTES = 2048
STARTERS = ("ask_safe_to_run_sciatica", "ask_does_running_help_back_pain", "ask_when_to_stop")

Handler = Callable[[Request], Awaitable[HTTPResponse]]


class WebsiteInput(InputChannel):
    """Serves the chat, the widget and the pages of the site.

    Args:
        settings: What the site's operator decides.

    Raises:
        SettingsError: A setting of the site can't be used.
        ContentError: Domain or register is wrong.
    """

    def __init__(self, settings: WebsiteSettings) -> None:
        self._settings = settings
        self._region = region()
        self._register = load_register(ROOT)
        self._pages = build_pages(self._region)
        self._sessions = Sessions(settings.secret_key, settings.session_hours)
        self._rates = Rates(settings.redis_url)
        self._starters = starters(STARTERS, self._register)
        self._turns = Turns(
            self._register,
            self._starters,
            settings.turn_seconds,
            settings.message_length,
        )
        self._kept: Records | None = None

    @classmethod
    def name(cls) -> str:
        """Name of the channel."""
        return CHANNEL

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> InputChannel:
        """Make the channel; its settings are environment variables."""
        return cls(WebsiteSettings.from_environment())

    def url_prefix(self) -> str:
        """Serve from the root, not from below ``/webhooks``."""
        return "/"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """Return the channel's routes."""
        site = _SiteBlueprint("website", self)
        for path, method, handler in (
            ("config", "GET", self._config),
            ("sessions", "POST", self._start_session),
            ("messages", "POST", self._receive),
            ("messages", "GET", self._history),
            ("conversation", "DELETE", self._delete),
            ("feedback", "POST", self._rate),
        ):
            site.add_route(
                self._api(handler),
                f"{API}{path}",
                methods=[method],
                name=handler.__name__,
                stream=method != "GET",
            )
        site.add_route(_route(self._health), "/healthz", methods=["GET", "HEAD"], name="health")
        site.add_route(_route(self._ready), "/readyz", methods=["GET", "HEAD"], name="ready")
        for number, path in enumerate(self._pages):
            # Rasa's own greeting stands at GET /; `answer_early` goes before it.
            methods = ["HEAD"] if path == "/" else ["GET", "HEAD"]
            site.add_route(_route(self._page), path, methods=methods, name=f"page_{number}")
        return site

    # ---- what goes around every call

    def answer_early(self, request: Request) -> HTTPResponse | None:
        """Serve the home page in place of the greeting that Rasa has there."""
        if request.path == "/" and request.method in ("GET", "HEAD"):
            return _serve(self._pages["/"], request)
        return None

    def finish(self, request: Request, reply: HTTPResponse) -> HTTPResponse:
        """Put the security headers on everything, and give errors one form."""
        refused_early = reply.status >= 400 and not getattr(request.ctx, "said", False)
        if refused_early and not request.headers:
            # HTTP so broken that Sanic made up a request; it takes that for a fault of its own.
            reply = _error(ApiError.of_status(400))
        if request.path.startswith(API) or request.path in PROBES:
            cors = {"Vary": "Origin"}
            try:
                cors = self._check_origin(request)
            except ApiError as error:
                reply = _error(error)
            else:
                if request.method == "OPTIONS":
                    # Rasa's own CORS rules answer a preflight before any route is reached.
                    reply = response.empty()
                elif refused_early:
                    reply = _error(ApiError.of_status(reply.status))
            for name in [n for n in reply.headers if n.lower().startswith("access-control-")]:
                del reply.headers[name]
            reply.headers.update(cors)
            reply.headers["Cache-Control"] = "no-store"
            setattr(request.ctx, SANIC_CORS_EVALUATED, "1")
        elif refused_early and reply.status in (404, 405):
            reply = response.text("There is nothing at this address.\n", status=reply.status)
        for name, value in SECURITY_HEADERS.items():
            reply.headers.setdefault(name, value)
        return reply

    def _api(self, handler: Handler) -> Handler:
        """Check origin and rate of a call, and turn what goes wrong into errors."""
        # Who writes and gets no answer, whatever the reason, is told whom to call.
        help_ = self._region.emergency_help if handler == self._receive else ""

        @functools.wraps(handler)
        async def checked(request: Request) -> HTTPResponse:
            request.ctx.said = True
            try:
                self._check_origin(request)
                rates, address = self._settings.address_rates, self._address(request)
                await self._rates.count(rates, "address", address)
                return await handler(request)
            except ApiError as error:
                return _error(error, help_)
            except (sqlalchemy.exc.SQLAlchemyError, DeletionError) as error:
                logger.error("The website's tables can't be used.", exc_info=error)
                return _error(ApiError("storage_failed"), help_)
            except SanicException as error:
                return _error(ApiError.of_status(error.status_code or 400), help_)
            except Exception as error:
                logger.error("A call of the website's API failed.", exc_info=error)
                return _error(ApiError("turn_failed"), help_)

        return checked

    # ---- the API

    async def _config(self, request: Request) -> HTTPResponse:
        return response.json(
            {
                "starters": [
                    {"id": key, "title": choice.title} for key, choice in self._starters.items()
                ],
                "urgent": {
                    "emergency": self._region.emergency_help,
                    "same_day": self._region.same_day_help,
                    "crisis": self._region.crisis_help,
                },
                "text_length": self._settings.message_length,
            }
        )

    async def _start_session(self, request: Request) -> HTTPResponse:
        await self._read(request, "NewSession")
        await self._rates.count(self._settings.session_rates, "sessions", self._address(request))
        token, expires = self._sessions.start()
        return response.json({"token": token, "expires": expires}, status=201)

    async def _receive(self, request: Request) -> HTTPResponse:
        conversation, _ = self._sessions.conversation(request.headers.get("authorization"))
        agent = _agent(request)
        message = await self._read(request, "NewMessage")
        await self._rates.count(self._settings.message_rates, "messages", conversation)

        def is_ended(conversation: str) -> bool:
            return self._records(agent).is_ended(conversation)

        replies = await self._turns.answer(agent, conversation, message, is_ended)
        return response.json({"messages": replies})

    async def _history(self, request: Request) -> HTTPResponse:
        agent, conversation, _ = await self._caller(request)
        ratings = await asyncio.to_thread(self._records(agent).ratings, conversation)
        return response.json(
            {
                "messages": describe_conversation(
                    await conversation_events(agent, conversation),
                    self._register,
                    ratings,
                )
            }
        )

    async def _delete(self, request: Request) -> HTTPResponse:
        agent, conversation, expires = await self._caller(request)
        await self._read(request, "NewSession")
        try:
            async with agent.lock_store.lock(conversation, wait_time_in_seconds=LOCK_POLL_SECONDS):
                await asyncio.to_thread(
                    delete_conversation,
                    agent.tracker_store,
                    self._records(agent),
                    conversation,
                    expires,
                )
        except LockError:
            raise ApiError("busy", retry_after=2) from None
        return response.empty()

    async def _rate(self, request: Request) -> HTTPResponse:
        agent, conversation, _ = await self._caller(request)
        given = await self._read(request, "Feedback")
        said = describe_conversation(
            await conversation_events(agent, conversation), self._register, {}
        )
        rated = next((message for message in said if message["id"] == given["message"]), None)
        if rated is None or rated["from"] != "assistant":
            raise ApiError("unknown_message")
        await asyncio.to_thread(
            self._records(agent).rate,
            conversation,
            rated["id"],
            {
                "topic": rated["topic"],
                "rating": given["rating"],
                "reason": given.get("reason"),
            },
        )
        return response.empty()

    async def _health(self, request: Request) -> HTTPResponse:
        return response.json({"status": "alive"})

    async def _ready(self, request: Request) -> HTTPResponse:
        request.ctx.said = True
        try:
            await asyncio.to_thread(self._records(_agent(request)).check)
        except ApiError as error:
            return _error(error)
        except sqlalchemy.exc.SQLAlchemyError:
            return _error(ApiError("storage_failed"))
        return response.json({"status": "ready"})

    async def _page(self, request: Request) -> HTTPResponse:
        return _serve(self._pages[request.path], request)

    # ---- what the calls share

    async def _caller(self, request: Request) -> tuple[Agent, str, int]:
        """Return the agent, whose conversation it is, and when the session ends."""
        conversation, expires = self._sessions.conversation(request.headers.get("authorization"))
        agent = _agent(request)
        if await asyncio.to_thread(self._records(agent).is_ended, conversation):
            raise ApiError("session_ended")
        return agent, conversation, expires

    def _records(self, agent: Agent) -> Records:
        if self._kept is None:
            self._kept = Records(agent.tracker_store)
        return self._kept

    def _check_origin(self, request: Request) -> dict[str, str]:
        return check_origin(
            request.headers.get("origin"),
            request.headers.get("host", ""),
            self._settings.allowed_origins,
        )

    def _address(self, request: Request) -> str:
        return caller_address(
            request.ip,
            request.headers.getall("x-forwarded-for", []),
            self._settings.trusted_proxies,
        )

    async def _read(self, request: Request, schema: str) -> dict[str, Any]:
        # What is only read for warning signs is mostly plain letters, of one byte each.
        longest = max(
            self._settings.message_length * MOST_BYTES_A_CHARACTER,
            SCREENED_LENGTH * SCREENED_BYTES_A_CHARACTER,
        )
        most = longest + OTHER_BYTES
        body = b""
        while request.stream and request.stream.request_body:
            part = await request.stream.read()
            if not part:
                break
            body += part
            if len(body) > most:
                raise ApiError("too_large")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if body and kind != "application/json":
            raise ApiError("not_json")
        return parse(body, schema)


class _SiteBlueprint(Blueprint):
    """A blueprint that also goes around what other channels and Rasa itself serve."""

    def __init__(self, name: str, channel: WebsiteInput) -> None:
        super().__init__(name)
        self.ctx.channel = channel

    def register(self, app: Sanic, options: dict[str, Any]) -> None:
        """Register the routes, and what goes around every request of the server."""
        super().register(app, options)
        app.register_middleware(self.ctx.channel.answer_early, "request")
        app.register_middleware(self.ctx.channel.finish, "response")
        app.register_listener(_announce, "after_server_start")


async def _announce(app: Sanic, loop: Any) -> None:
    widget = Widget.read()
    logger.info("Widget %s at %s, integrity %s", widget.version, widget.path, widget.integrity)


def _route(handler: Handler) -> Handler:
    """Make a function of a method: Sanic notes the blueprint's name on it."""

    async def served(request: Request) -> HTTPResponse:
        return await handler(request)

    return served


def _agent(request: Request) -> Agent:
    agent = getattr(request.app.ctx, "agent", None)
    if agent is None or not agent.is_ready():
        raise ApiError("not_ready", retry_after=3)
    return agent


def _error(error: ApiError, emergency_help: str = "") -> HTTPResponse:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    told = error.body
    if emergency_help:
        told["error"]["message"] += f" Is it an emergency? {emergency_help}"
    return response.json(told, status=error.status, headers=headers)


def _serve(page: Page, request: Request) -> HTTPResponse:
    headers = {**page.headers, "Cache-Control": page.cache, "ETag": page.etag}
    if request.headers.get("if-none-match") == page.etag:
        return response.empty(status=304, headers=headers)
    body = page.body
    if page.compressed:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = page.compressed
    return response.raw(body, headers=headers, content_type=page.content_type)
