"""A receiver of Standard Webhooks: checks signature, time and id as the specification asks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from tests.handoff.fakes.http import Answer, FakeServer, Request

TOLERANCE_SECONDS = 300


class FakeWebhook(FakeServer):
    """Keeps each message once, by its id, as a receiver should."""

    def __init__(self, secret: str, hang_seconds: float = 0.5) -> None:
        self._secret = base64.b64decode(secret.removeprefix("whsec_"))
        self.messages: dict[str, Any] = {}
        self.times_received: dict[str, int] = {}
        super().__init__(hang_seconds)

    def handle(self, request: Request) -> Answer:
        """Take a message if its signature is right."""
        headers = request.headers
        try:
            key, stamp = headers["webhook-id"], headers["webhook-timestamp"]
            signatures = headers["webhook-signature"].split()
        except KeyError:
            return Answer(400, {"error": "a header is missing"})
        if abs(time.time() - int(stamp)) > TOLERANCE_SECONDS:
            return Answer(400, {"error": "the timestamp is too far from now"})
        digest = hmac.new(
            self._secret, f"{key}.{stamp}.".encode() + request.body, hashlib.sha256
        ).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        if not any(hmac.compare_digest(expected, signature) for signature in signatures):
            return Answer(401, {"error": "the signature is wrong"})
        self.times_received[key] = self.times_received.get(key, 0) + 1
        self.messages.setdefault(key, request.json)
        return Answer(200, {"ok": True})


class FakeChannel(FakeServer):
    """An incoming webhook of a chat channel: takes any JSON, checks nothing."""

    def __init__(self) -> None:
        self.posts: list[Any] = []
        super().__init__()

    def handle(self, request: Request) -> Answer:
        """Take a post."""
        self.posts.append(request.json)
        return Answer(200, "ok")
