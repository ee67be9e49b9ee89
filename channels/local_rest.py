"""HTTP on this machine: Rasa's REST channel, closed to everybody else.

Answers ``POST /webhooks/rest/webhook`` with ``{"sender": ..., "message": ...}`` for scripts and for
trying the assistant out. Calls that come from another machine or through a proxy are refused, and
the conversation is kept under ``rest:<sender>``, so that no conversation of another channel can be
read or continued.
"""

from __future__ import annotations

import ipaddress
from uuid import uuid4

from rasa.core.channels.rest import RestInput
from sanic.exceptions import Forbidden, InvalidUsage
from sanic.request import Request

FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
MOST_CHARACTERS = 20_000


class LocalRest(RestInput):
    """Rasa's REST channel for callers on the loopback interface alone."""

    async def _extract_sender(self, req: Request) -> str:
        if not _is_local(req):
            raise Forbidden("This channel answers only callers on the same machine.")
        body = req.json
        if not isinstance(body, dict):
            raise InvalidUsage('Send an object, such as {"sender": "me", "message": "hello"}.')
        message = body.get("message")
        if not isinstance(message, str) or not 0 < len(message) <= MOST_CHARACTERS:
            raise InvalidUsage(f"'message' must be a text of 1 to {MOST_CHARACTERS} characters.")
        sender = body.get("sender")
        if sender is not None and not isinstance(sender, str):
            raise InvalidUsage("'sender' must be a text.")
        return f"{self.name()}:{sender or uuid4().hex}"

    def _extract_input_channel(self, req: Request) -> str:
        return str(self.name())


def _is_local(request: Request) -> bool:
    if any(header in request.headers for header in FORWARDING_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.ip).is_loopback
    except ValueError:
        return False
