"""Delivers to a Chatwoot inbox of the type API: contact, conversation, message, open for a human.

Chatwoot's application interface knows no idempotency key, so each step looks first whether an
earlier try has done it: the contact by its identifier, the conversation by its custom attribute,
the message by the hand-off's number in its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import requests

from stridewell.handoff.settings import CONTACT, FULL, ChatwootSettings
from stridewell.handoff.targets.base import (
    DeliveryProblem,
    Parcel,
    Save,
    escape_markdown,
    visible_text,
)
from stridewell.handoff.targets.http import body, call, new_session

ATTRIBUTE = "stridewell_handoff"


class ChatwootTarget:
    """An inbox.

    Args:
        settings: Where it is, and the token.
    """

    def __init__(self, settings: ChatwootSettings) -> None:
        self._settings = settings

    def deliver(self, parcel: Parcel, progress: Mapping[str, Any], save: Save) -> None:
        """Open a conversation that holds the parcel (see ``Target``)."""
        with new_session(self._settings.ca_file) as session:
            session.headers["api_access_token"] = self._settings.token
            _Delivery(session, self._settings, parcel, dict(progress), save).run()


class _Delivery:
    """One try."""

    def __init__(
        self,
        session: requests.Session,
        settings: ChatwootSettings,
        parcel: Parcel,
        progress: dict[str, Any],
        save: Save,
    ) -> None:
        self._session = session
        self._settings = settings
        self._parcel = parcel
        self._progress = progress
        self._save = save
        self._identifier = f"stridewell-{parcel.handoff_id}"

    def run(self) -> None:
        conversation = self._progress.get("conversation") or self._find_or_make_conversation()
        self._note(conversation=conversation)
        if not self._message_is_there(conversation):
            self._post_message(conversation)
        self._request(
            "POST", f"conversations/{conversation}/toggle_status", json={"status": "open"}
        )

    def _find_or_make_conversation(self) -> int:
        contact = self._progress.get("contact") or self._find_or_make_contact()
        self._note(contact=contact)
        answer = self._request("GET", f"contacts/{contact}/conversations")
        for conversation in _list(answer, "payload"):
            if (conversation.get("custom_attributes") or {}).get(ATTRIBUTE) == self._parcel.key:
                return _id(conversation)
        return _id(
            self._request(
                "POST",
                "conversations",
                json={
                    "source_id": self._source_id(contact),
                    "inbox_id": self._settings.inbox_id,
                    "contact_id": contact,
                    "status": "open",
                    "custom_attributes": {ATTRIBUTE: self._parcel.key},
                },
            )
        )

    def _find_or_make_contact(self) -> int:
        found = self._search(self._identifier, "identifier")
        if found:
            return found
        new = {
            "inbox_id": self._settings.inbox_id,
            "name": f"Hand-off {self._parcel.reference}",
            "identifier": self._identifier,
        }
        reach = self._reach()
        answer = self._contacts({**new, **reach})
        if answer.status_code == 422 and reach:
            # The clinic knows this address already: its own contact is the right place.
            ((field, value),) = reach.items()
            found = self._search(value, field)
            if found:
                return found
            answer = self._contacts(new)
        if answer.status_code == 422:
            raise DeliveryProblem("Chatwoot: answered 422 to a new contact")
        content = body(answer, "Chatwoot")
        payload = content.get("payload", {}) if isinstance(content, dict) else {}
        return _id(payload.get("contact") if isinstance(payload, dict) else None)

    def _contacts(self, contact: Mapping[str, Any]) -> requests.Response:
        return call(
            self._session, "POST", self._url("contacts"), "Chatwoot", self._settings.timeout,
            accept=(422,), json=contact,
        )  # fmt: skip

    def _reach(self) -> dict[str, str]:
        contact = self._parcel.contact
        if not contact or self._settings.contents not in (CONTACT, FULL):
            return {}
        name = "email" if contact["kind"] == "email" else "phone_number"
        return {name: contact["value"]}

    def _search(self, value: str, field: str) -> int | None:
        answer = self._request("GET", "contacts/search", params={"q": value})
        for contact in _list(answer, "payload"):
            if str(contact.get(field) or "").casefold() == value.casefold():
                return _id(contact)
        return None

    def _source_id(self, contact: int) -> str:
        answer = self._request(
            "POST",
            f"contacts/{contact}/contact_inboxes",
            json={"inbox_id": self._settings.inbox_id, "source_id": self._parcel.key},
        )
        source = answer.get("source_id") if isinstance(answer, dict) else None
        if not isinstance(source, str):
            raise DeliveryProblem("Chatwoot: answered without a source_id")
        return source

    def _message_is_there(self, conversation: int) -> bool:
        answer = self._request("GET", f"conversations/{conversation}/messages")
        return any(
            self._parcel.reference in str(message.get("content") or "")
            for message in _list(answer, "payload")
        )

    def _post_message(self, conversation: int) -> None:
        text = visible_text(self._parcel, self._settings.contents)
        # Two spaces before a line's end keep it a line in Markdown.
        content = escape_markdown(text).replace("\n", "  \n")
        self._request(
            "POST",
            f"conversations/{conversation}/messages",
            json={"content": content, "message_type": "incoming", "private": False},
        )

    def _request(self, method: str, path: str, **options: Any) -> Any:
        answer = call(
            self._session, method, self._url(path), "Chatwoot", self._settings.timeout, **options
        )
        return body(answer, "Chatwoot")

    def _url(self, path: str) -> str:
        return f"{self._settings.url}/api/v1/accounts/{self._settings.account_id}/{path}"

    def _note(self, **reached: int) -> None:
        if any(self._progress.get(name) != value for name, value in reached.items()):
            self._progress.update(reached)
            self._save(self._progress)


def _list(answer: Any, name: str) -> Iterable[Mapping[str, Any]]:
    items = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise DeliveryProblem("Chatwoot: answered something that can't be read")
    return [item for item in items if isinstance(item, dict)]


def _id(item: Any) -> int:
    if not isinstance(item, dict) or not isinstance(item.get("id"), int):
        raise DeliveryProblem("Chatwoot: answered without an id")
    return int(item["id"])
