"""Log lines of the servers: JSON, with the request's id, without what people wrote or who they are.

Rasa and libraries log through Python's ``logging``. Four things keep people's words out:

* The level is INFO; Rasa logs messages at DEBUG.
* Of Rasa's structured records only known fields are kept.
* Of an exception, the type and the places in the code are kept. Its text only for errors of the
  system and of settings, which never quote a message.
* The id of the conversation that is being answered is struck out wherever it stands.
"""

from __future__ import annotations

import asyncio
import json
import logging
import logging.config
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any

import yaml

from stridewell.settings import ROOT, SettingsError

SETTINGS = ROOT / "logging.yml"

SENTENCE = (
    "The action server does not answer. Answers and safety texts still arrive; disclaimers, "
    "sources and the hand-off are missing until it is back."
)
STRUCK_OUT = "(conversation)"
PLACES = 6

request_id: ContextVar[str] = ContextVar("request_id", default="")
_private: ContextVar[tuple[str, ...]] = ContextVar("private", default=())

_FIELDS = ("event", "event_info", "filename", "url", "host", "name", "action_name")
_TELLING = (OSError, SettingsError, asyncio.TimeoutError, ImportError)
_HARMLESS_IDS = 3  # A conversation may be named 'a'; lines would become unreadable.


def install() -> None:
    """Log as logging.yml says. Rasa puts its own colored lines in place of it when it starts."""
    logging.config.dictConfig(yaml.safe_load(SETTINGS.read_text(encoding="utf-8")))


@contextmanager
def private(*words: str) -> Iterator[None]:
    """Strike words out of all log lines written inside.

    Args:
        words: Such as the id of the conversation that is being answered.
    """
    token = _private.set((*_private.get(), *(w for w in words if len(w) > _HARMLESS_IDS)))
    try:
        yield
    finally:
        try:
            _private.reset(token)
        except ValueError:
            # The generator was closed from another context, when its task was dropped.
            _private.set(())


def strike_out(word: str) -> None:
    """Strike a word out of all log lines that the current task writes from now on."""
    _private.set((word,) if len(word) > _HARMLESS_IDS else ())


class JsonLine(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
        }
        line.update(_told(record))
        if request_id.get():
            line["request_id"] = request_id.get()
        if record.exc_info and record.exc_info[1]:
            line["error"] = _error(record.exc_info[1])
        text = json.dumps(line, ensure_ascii=False)
        for word in _private.get():
            text = text.replace(json.dumps(word, ensure_ascii=False)[1:-1], STRUCK_OUT)
        return text


def _told(record: logging.LogRecord) -> dict[str, Any]:
    """Return the record's message, and its error if it is one of Rasa's structured records."""
    message = record.getMessage()
    if not message.startswith("{"):
        return {"message": message.split("\nTraceback (most recent call last)")[0]}
    try:
        fields = json.loads(message)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return {"message": "(a record that can't be read)"}
    kept = [str(fields[name]) for name in _FIELDS if name in fields]
    told: dict[str, Any] = {"message": " ".join(kept) or "(no fields that may be logged)"}
    trouble = fields.get("exception")
    if isinstance(trouble, list):
        # Each has its frames with all local variables, people's words among them.
        told["error"] = [_structured(part) for part in trouble if isinstance(part, dict)]
    return told


def _structured(trouble: dict[str, Any]) -> dict[str, Any]:
    frames = [frame for frame in trouble.get("frames") or () if isinstance(frame, dict)]
    return {
        "type": trouble.get("exc_type"),
        "places": [
            f"{frame.get('filename')}:{frame.get('lineno')} {frame.get('name')}"
            for frame in frames[-PLACES:]
        ],
    }


def _error(error: BaseException) -> dict[str, Any]:
    places = traceback.extract_tb(error.__traceback__)[-PLACES:]
    described: dict[str, Any] = {
        "type": type(error).__name__,
        "places": [f"{place.filename}:{place.lineno} {place.name}" for place in places],
    }
    if isinstance(error, _TELLING):
        described["text"] = str(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        described["because"] = type(cause).__name__
    return described


class ActionServerOutage(logging.Filter):
    """Says once that the action server is away, instead of a traceback for every turn.

    Args:
        quiet_for: Seconds until the same outage may be mentioned again.
    """

    def __init__(self, quiet_for: float = 600.0) -> None:
        super().__init__()
        self._quiet_for = quiet_for
        self._said_at: float | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record pass, turned into one sentence if it tells of the outage."""
        if not _tells_of_outage(record):
            return True
        now = time.monotonic()
        if self._said_at is not None and now - self._said_at < self._quiet_for:
            return False
        self._said_at = now
        record.msg, record.args = SENTENCE, ()
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def _tells_of_outage(record: logging.LogRecord) -> bool:
    if record.name == "rasa.core.actions.action":
        return "run custom action" in record.getMessage()
    if record.name == "rasa.core.processor" and record.exc_info and record.exc_info[1]:
        error: BaseException | None = record.exc_info[1]
        while error is not None:
            if "custom action" in str(error) and "couldn't connect" in str(error).lower():
                return True
            if isinstance(error, (ConnectionError, asyncio.TimeoutError)):
                return True
            error = error.__cause__ or error.__context__
    return False
