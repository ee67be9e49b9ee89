"""A web server on loopback that can go down, come back, and do every fault of the plan."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.handoff.fakes.faults import Fault, FaultPlan


@dataclass(frozen=True)
class Request:
    """A request as the fake sees it."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body."""

    status: int
    content: Any = None


class FakeServer:
    """The base of the fakes: subclasses answer requests in ``handle``."""

    def __init__(self, hang_seconds: float = 0.5) -> None:
        self.faults = FaultPlan()
        self.requests: list[Request] = []
        self._hang = hang_seconds
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        """Where the fake listens, or did before it went down."""
        return f"http://127.0.0.1:{self.port}"

    def handle(self, request: Request) -> Answer:
        """Answer a request; called for one request at a time."""
        raise NotImplementedError

    def up(self) -> None:
        """Listen; on the same port as before."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                fake._serve(self)

            def do_POST(self) -> None:
                fake._serve(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("Content-Length") or 0)
        request = Request(
            handler.command, parts.path, parse_qs(parts.query),
            {name.lower(): value for name, value in handler.headers.items()},
            handler.rfile.read(length),
        )  # fmt: skip
        fault = self.faults.next()
        handler.close_connection = True
        if fault in (Fault.REFUSE, Fault.BUSY):
            self._answer(
                handler, Answer(503 if fault is Fault.BUSY else 403, {"error": "no"}), fault
            )
            return
        if fault is Fault.DROP_BEFORE:
            return
        if fault is Fault.HANG_BEFORE:
            threading.Event().wait(self._hang)
            return
        with self._lock:
            self.requests.append(request)
            answer = self.handle(request)
        if fault is Fault.DROP_AFTER:
            return
        if fault is Fault.HANG_AFTER:
            threading.Event().wait(self._hang)
        self._answer(handler, answer, fault)
        if fault is Fault.TWICE:
            self._answer(handler, answer, fault)

    @staticmethod
    def _answer(handler: BaseHTTPRequestHandler, answer: Answer, fault: Fault | None) -> None:
        body = json.dumps(answer.content).encode()
        try:
            handler.send_response(answer.status)
            if fault is Fault.BUSY:
                handler.send_header("Retry-After", "2")
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            pass  # the client did not wait
