"""The real services of this machine: each test gets a database, keys and queues of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from rasa.shared.core.domain import Domain

from stridewell.settings import ROOT
from tests.services import (  # noqa: F401
    broker_url,
    database_url,
    postgresql_url,
    redis_url,
)


@pytest.fixture(scope="session")
def domain() -> Domain:
    """The project's domain."""
    return Domain.load(str(ROOT / "domain.yml"))


class Line:
    """A connection to a service that can be cut and mended: what a restart looks like from here.

    Args:
        url: The address of the service.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 0)
        self._open: set[socket.socket] = set()
        self._whole = True
        self._server = socket.create_server(("127.0.0.1", 0))
        self._port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address of the service by way of this line."""
        host, port = self._target
        return self._url.replace(f"{host}:{port}", f"127.0.0.1:{self._port}")

    def cut(self) -> None:
        """Break all connections, and new ones at once."""
        self._whole = False
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def mend(self) -> None:
        """Let connections through again."""
        self._whole = True

    def close(self) -> None:
        """End."""
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            if not self._whole:
                caller.close()
                continue
            try:
                service = socket.create_connection(self._target, timeout=5)
            except OSError:
                caller.close()
                continue
            service.settimeout(None)
            self._open |= {caller, service}
            for source, sink in ((caller, service), (service, caller)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)


@pytest.fixture
def line() -> Iterator[type[Line]]:
    """Makes lines that are closed after the test."""
    made: list[Line] = []

    class Kept(Line):
        def __init__(self, url: str) -> None:
            super().__init__(url)
            made.append(self)

    yield Kept
    for each in made:
        each.close()
