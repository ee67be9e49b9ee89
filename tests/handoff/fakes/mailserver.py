"""A real SMTP server on loopback: TLS with its own certificate, a login, and planned faults."""

from __future__ import annotations

import asyncio
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.handoff.fakes.faults import Fault, FaultPlan
from tests.side_by_side import free_port

USERNAME, PASSWORD = "assistant@clinic.example", "a-password-for-tests"


class MailServer:
    """A mail server with STARTTLS that takes mail after a login only."""

    def __init__(self, folder: Path, implicit_tls: bool = False, hang_seconds: float = 0.5) -> None:
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.context)
        self.ca_file = str(folder / "mail-ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self.faults = FaultPlan()
        self.mails: list[EmailMessage] = []
        self.ids: list[str] = []  # Of each mail that arrived, repeats included.
        self._hang = hang_seconds
        self._implicit_tls = implicit_tls
        self._controller: Controller | None = None
        self.port = free_port()
        self.up()

    def up(self) -> None:
        """Listen; on the same port as before."""
        tls: dict[str, Any] = (
            {"ssl_context": self.context}
            if self._implicit_tls
            else {"tls_context": self.context, "require_starttls": True}
        )
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            auth_required=True,
            auth_require_tls=not self._implicit_tls,
            authenticator=_check_login,
            ready_timeout=10,
            **tls,
        )
        self._controller.start()

    def down(self) -> None:
        """Stop listening."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        """Take a mail, or do the next fault."""
        fault = self.faults.next()
        if fault is Fault.REFUSE:
            return "554 5.7.1 Refused"
        if fault is Fault.BUSY:
            return "451 4.3.0 Try again later"
        if fault is Fault.DROP_BEFORE:
            return self._drop(server)
        if fault is Fault.HANG_BEFORE:
            await asyncio.sleep(self._hang)
            return "451 4.3.0 Too late"
        mail = message_from_bytes(envelope.original_content, policy=default)
        self.mails.append(mail)
        self.ids.append(str(mail["Message-ID"]))
        if fault is Fault.DROP_AFTER:
            return self._drop(server)
        if fault is Fault.HANG_AFTER:
            await asyncio.sleep(self._hang)
        return "250 OK\r\n250 OK" if fault is Fault.TWICE else "250 OK"

    @staticmethod
    def _drop(server: SMTP) -> str:
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        return "421 4.3.0 Gone"


def _check_login(
    server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
) -> AuthResult:
    known = isinstance(data, LoginPassword) and data == LoginPassword(
        USERNAME.encode(), PASSWORD.encode()
    )
    return AuthResult(success=known, handled=known)
