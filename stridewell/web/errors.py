"""Errors of the website channel: a stable code and a sentence for the person, with a status."""

from __future__ import annotations

from typing import Any

SENTENCES: dict[str, tuple[int, str]] = {
    "invalid_json": (400, "The request is not valid JSON in UTF-8."),
    "session_missing": (401, "This call needs a chat session. Start one first."),
    "session_invalid": (401, "This chat session is not valid. Start a new one."),
    "session_expired": (401, "This chat session has ended because it is too old. Start a new one."),
    "session_ended": (401, "This conversation was deleted. Start a new one."),
    "origin_not_allowed": (403, "This website may not use this chat. Its operator can allow it."),
    "not_found": (404, "There is nothing at this address."),
    "unknown_message": (404, "This conversation has no such answer."),
    "method_not_allowed": (405, "This address doesn't take that kind of request."),
    "choice_not_offered": (409, "This conversation was not offered that choice. Type it instead."),
    "too_large": (413, "The request is too large."),
    "not_json": (415, "The request must be JSON: Content-Type: application/json."),
    "invalid_request": (422, "The request does not have the right form."),
    "text_empty": (422, "The message is empty. Please type a question."),
    "text_too_long": (422, "Your message is too long. Please shorten it."),
    "too_many_requests": (429, "That is a lot at once. Please wait a moment and try again."),
    "turn_failed": (500, "Something went wrong on our side. Please try again."),
    "no_answer": (502, "No answer came back. Please try again, or ask in other words."),
    "not_ready": (503, "The assistant is just starting. Please try again in a moment."),
    "storage_failed": (503, "The conversation can't be reached right now. Please try again."),
    "busy": (503, "Your last message is still being answered. Please try again in a moment."),
    "timed_out": (504, "The answer took too long. Please try again."),
}
OF_STATUS = {
    400: "invalid_json",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "not_ready",
}


class ApiError(Exception):
    """A refusal or failure that the caller is told.

    Args:
        code: One of the keys of SENTENCES.
        sentence: Replaces the usual sentence.
        retry_after: Seconds until it makes sense to try again.
        partial: Messages that had arrived before it failed.
    """

    def __init__(
        self,
        code: str,
        sentence: str = "",
        retry_after: int | None = None,
        partial: list[dict[str, Any]] | None = None,
    ) -> None:
        self.code = code
        self.status, usual = SENTENCES[code]
        self.sentence = sentence or usual
        self.retry_after = retry_after
        self.partial = partial or []
        super().__init__(self.sentence)

    @classmethod
    def of_status(cls, status: int) -> ApiError:
        """Return the error that says what an HTTP status means."""
        return cls(OF_STATUS.get(status, "invalid_json" if status < 500 else "turn_failed"))

    @property
    def body(self) -> dict[str, Any]:
        """What the caller reads."""
        told: dict[str, Any] = {"code": self.code, "message": self.sentence}
        if self.retry_after is not None:
            told["retry_after"] = self.retry_after
        return {"error": told, **({"messages": self.partial} if self.partial else {})}
