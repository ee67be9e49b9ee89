"""A Chatwoot account with one API inbox: the documented part of the application interface.

Enforces what the platform does: the token, the account, unique identifiers, e-mail addresses and
phone numbers, the form of a phone number, an inbox session (source_id) before a conversation,
incoming messages in API inboxes only, the greatest length of a message, known states.
"""

from __future__ import annotations

import re
from typing import Any

from tests.handoff.fakes.http import Answer, FakeServer, Request

MOST_CHARACTERS = 150_000
STATES = ("open", "resolved", "pending", "snoozed")
UNIQUE = ("identifier", "email", "phone_number")


class FakeChatwoot(FakeServer):
    """Contacts, conversations and messages of one account."""

    def __init__(
        self, token: str, account_id: int = 1, inbox_id: int = 3, hang_seconds: float = 0.5
    ) -> None:
        self._token = token
        self._base = f"/api/v1/accounts/{account_id}"
        self._inbox = inbox_id
        self.inbox_type = "Channel::Api"
        self.contacts: dict[int, dict[str, Any]] = {}
        self.conversations: dict[int, dict[str, Any]] = {}
        super().__init__(hang_seconds)

    def handle(self, request: Request) -> Answer:
        """Route a request."""
        if request.headers.get("api_access_token") != self._token:
            return Answer(401, {"errors": ["Invalid Access Token"]})
        if not request.path.startswith(self._base + "/"):
            return Answer(404, {"error": "Resource could not be found"})
        path = request.path.removeprefix(self._base)
        for method, pattern, answer in (
            ("GET", r"/contacts/search", self._search),
            ("POST", r"/contacts", self._create_contact),
            ("GET", r"/contacts/(\d+)/conversations", self._contact_conversations),
            ("POST", r"/contacts/(\d+)/contact_inboxes", self._create_contact_inbox),
            ("POST", r"/conversations", self._create_conversation),
            ("GET", r"/conversations/(\d+)/messages", self._messages),
            ("POST", r"/conversations/(\d+)/messages", self._create_message),
            ("POST", r"/conversations/(\d+)/toggle_status", self._toggle_status),
        ):
            match = re.fullmatch(pattern, path)
            if match and request.method == method:
                return answer(request, *(int(group) for group in match.groups()))
        return Answer(404, {"error": "Resource could not be found"})

    def _search(self, request: Request) -> Answer:
        wanted = (request.query.get("q") or [""])[0].strip().lower()
        if not wanted:
            return Answer(422, {"error": "Specify search string with parameter q"})
        found = [
            contact
            for contact in self.contacts.values()
            if any(wanted in str(contact.get(f) or "").lower() for f in ("name", *UNIQUE))
        ]
        return Answer(200, {"meta": {"count": len(found)}, "payload": found})

    def _create_contact(self, request: Request) -> Answer:
        given = request.json
        phone = given.get("phone_number")
        if phone and not re.fullmatch(r"\+[1-9]\d{1,14}", phone):
            return Answer(422, {"message": "Phone number should be in e164 format"})
        for field in UNIQUE:
            value = given.get(field)
            if value and any(
                str(contact.get(field) or "").lower() == value.lower()
                for contact in self.contacts.values()
            ):
                name = field.replace("_", " ").capitalize()
                return Answer(
                    422, {"message": f"{name} has already been taken", "attributes": [field]}
                )
        number = len(self.contacts) + 1
        contact = {
            "id": number,
            "name": given.get("name"),
            **{field: given.get(field) for field in UNIQUE},
            "contact_inboxes": [],
        }
        self.contacts[number] = contact
        inbox: dict[str, Any] = {"inbox": None, "source_id": None}
        if given.get("inbox_id"):
            if given["inbox_id"] != self._inbox:
                del self.contacts[number]
                return Answer(404, {"error": "Resource could not be found"})
            inbox = self._session(contact, given.get("source_id") or f"uuid-{number}")
        return Answer(200, {"payload": {"contact": contact, "contact_inbox": inbox}})

    def _session(self, contact: dict[str, Any], source_id: str) -> dict[str, Any]:
        for session in contact["contact_inboxes"]:
            if session["source_id"] == source_id:
                return dict(session)
        session = {"source_id": source_id, "inbox": {"id": self._inbox}}
        contact["contact_inboxes"].append(session)
        return dict(session)

    def _create_contact_inbox(self, request: Request, number: int) -> Answer:
        contact = self.contacts.get(number)
        if not contact or request.json.get("inbox_id") != self._inbox:
            return Answer(404, {"error": "Resource could not be found"})
        return Answer(200, self._session(contact, request.json.get("source_id") or "uuid"))

    def _contact_conversations(self, request: Request, number: int) -> Answer:
        if number not in self.contacts:
            return Answer(404, {"error": "Resource could not be found"})
        mine = [c for c in self.conversations.values() if c["meta"]["sender"]["id"] == number]
        return Answer(200, {"payload": mine[-20:]})

    def _create_conversation(self, request: Request) -> Answer:
        given = request.json
        contact = self.contacts.get(given.get("contact_id", 0))
        sessions = contact["contact_inboxes"] if contact else []
        if given.get("inbox_id") != self._inbox or not any(
            session["source_id"] == given.get("source_id") for session in sessions
        ):
            return Answer(404, {"error": "Resource could not be found"})
        number = len(self.conversations) + 1
        conversation: dict[str, Any] = {
            "id": number,
            "inbox_id": self._inbox,
            "status": given.get("status") or "open",
            "custom_attributes": given.get("custom_attributes") or {},
            "meta": {"sender": {"id": given["contact_id"]}},
            "messages": [],
        }
        self.conversations[number] = conversation
        return Answer(200, conversation)

    def _messages(self, request: Request, number: int) -> Answer:
        if number not in self.conversations:
            return Answer(404, {"error": "Resource could not be found"})
        return Answer(200, {"meta": {}, "payload": self.conversations[number]["messages"][-20:]})

    def _create_message(self, request: Request, number: int) -> Answer:
        if number not in self.conversations:
            return Answer(404, {"error": "Resource could not be found"})
        given = request.json
        kind = given.get("message_type") or "outgoing"
        if kind == "incoming" and self.inbox_type != "Channel::Api":
            return Answer(422, {"error": "Incoming messages are only allowed in Api inboxes"})
        if len(given.get("content") or "") > MOST_CHARACTERS:
            return Answer(422, {"error": "Content is too long (maximum is 150000 characters)"})
        messages = self.conversations[number]["messages"]
        messages.append(
            {
                "id": len(messages) + 1,
                "content": given.get("content"),
                "message_type": 0 if kind == "incoming" else 1,
                "private": bool(given.get("private")),
            }
        )
        return Answer(200, messages[-1])

    def _toggle_status(self, request: Request, number: int) -> Answer:
        if number not in self.conversations:
            return Answer(404, {"error": "Resource could not be found"})
        if request.json.get("status") not in STATES:
            return Answer(422, {"error": "unknown status"})
        self.conversations[number]["status"] = request.json["status"]
        payload = {"success": True, "current_status": request.json["status"]}
        return Answer(200, {"meta": {}, "payload": payload})
