"""Delivers by e-mail, with TLS and a login. A repeat carries the same Message-ID and date.

SMTP cannot promise "once": when the connection breaks after the message and before the answer, it
is sent again. Mail programs show both or, by the Message-ID, one.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime, timezone
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from stridewell.handoff.settings import FULL, SmtpSettings
from stridewell.handoff.targets.base import DeliveryProblem, Parcel, Save, visible_text


class SmtpTarget:
    """A mailbox.

    Args:
        settings: The server and the address.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    def deliver(self, parcel: Parcel, progress: Mapping[str, Any], save: Save) -> None:
        """Send the e-mail (see ``Target``)."""
        message = build_message(parcel, self._settings)
        try:
            with self._connect() as server:
                if self._settings.username:
                    server.login(self._settings.username, self._settings.password)
                server.send_message(message)
        except smtplib.SMTPServerDisconnected as error:
            raise DeliveryProblem("the mail server closed the connection") from error
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryProblem("the mail server refused the login") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryProblem("the mail server refused the address") from error
        except smtplib.SMTPResponseException as error:
            raise DeliveryProblem(f"the mail server answered {error.smtp_code}") from error
        except smtplib.SMTPException as error:
            raise DeliveryProblem(f"the mail server: {type(error).__name__}") from error
        except ssl.SSLError as error:
            raise DeliveryProblem("the mail server's certificate was not accepted") from error
        except TimeoutError as error:
            raise DeliveryProblem("the mail server did not answer in time") from error
        except (OSError, ValueError) as error:
            raise DeliveryProblem(
                f"no connection to the mail server ({type(error).__name__})"
            ) from error

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca_file)
        # The name in EHLO is fixed: looking up this machine's own can take seconds.
        name = "stridewell.invalid"
        if settings.security == "tls":
            return smtplib.SMTP_SSL(
                settings.host, settings.port, name, timeout=settings.timeout, context=context
            )
        server = smtplib.SMTP(settings.host, settings.port, name, timeout=settings.timeout)
        if settings.security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server


def build_message(parcel: Parcel, settings: SmtpSettings) -> EmailMessage:
    """Build the e-mail: what the person typed stands in the body only, as plain text.

    The one exception is a checked, plain e-mail address, which becomes Reply-To.
    """
    message = EmailMessage(policy=SMTP)
    domain = settings.sender.rpartition("@")[2]
    message["From"] = Address("Stridewell", addr_spec=settings.sender)
    message["To"] = settings.to
    message["Subject"] = f"Hand-off {parcel.reference}: a person asks for a professional"
    message["Date"] = format_datetime(datetime.fromtimestamp(int(parcel.created_at), timezone.utc))
    message["Message-ID"] = f"<{parcel.key}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    reply_to = _reply_to(parcel) if settings.contents != "notice" else None
    if reply_to:
        message["Reply-To"] = reply_to
    message.set_content(visible_text(parcel, settings.contents) + "\n", cte="base64")
    if settings.contents == FULL:
        _attach(message, parcel.data, "summary.json", "json")
        if parcel.fhir:
            _attach(message, parcel.fhir, "summary.fhir.json", "fhir+json")
    return message


def _reply_to(parcel: Parcel) -> str | None:
    contact = parcel.contact
    if not contact or contact["kind"] != "email" or not contact["value"].isascii():
        return None
    return contact["value"]


def _attach(message: EmailMessage, data: Mapping[str, Any], name: str, subtype: str) -> None:
    content = json.dumps(data, ensure_ascii=False, indent=2).encode()
    message.add_attachment(content, maintype="application", subtype=subtype, filename=name)
