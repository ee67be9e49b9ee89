"""Keeps calls to the action server short and small, through Rasa's own plug-in hooks.

A call carries the request's id and no more of the conversation than actions read. It may take a
few seconds; when one takes longer or fails, the next ones are left out for a while, so that an
action server that hangs delays one answer and not all.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from typing import Any

import pluggy
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from rasa.core.actions import action as rasa_actions
from rasa.plugin import plugin_manager
from rasa.shared.exceptions import RasaException

from stridewell import logs, metrics

logger = logging.getLogger(__name__)
hookimpl = pluggy.HookimplMarker("rasa")

REQUEST_ID = "request_id"
REST_SECONDS = 5.0
# Rasa checks this schema itself anew at each call, which takes as long as all else in a turn.
_RESPONSE = Draft202012Validator(rasa_actions.RemoteAction.action_response_format_spec())
# These read of the events only which responses were given in which turn (actions/conversation.py).
_READ_WHAT_WAS_ANSWERED = {
    "action_medical_disclaimer",
    "action_show_more",
    "action_show_sources",
    "action_suggest_topics",
}
_TURNS = {"user", "bot", "session_started"}
_UNREAD = ("intent_ranking", "text_tokens", "response_selector")


class ActionServerAway(RasaException, ConnectionError):
    """The action server did not answer a moment ago; it is asked again later."""


class _Call(dict[str, Any]):
    """The body of a call. Rasa tells nobody that a call failed, but lets go of its body then."""

    __slots__ = ("__weakref__",)


class ActionCalls:
    """The hooks around a call to the action server.

    Args:
        seconds: How long a call may take.
        rest: How long the action server is left alone after a call that took too long.
    """

    def __init__(self, seconds: float, rest: float = REST_SECONDS) -> None:
        self.seconds = seconds
        self._rest = rest
        self._answered: set[int] = set()
        self._away_until = 0.0

    @hookimpl
    def prefix_stripping_for_custom_actions(self, json_body: dict[str, Any]) -> dict[str, Any]:
        """Take out of a call what no action reads; refuse it while the server is away.

        Raises:
            ActionServerAway: The action server did not answer a moment ago.
        """
        now, name = time.monotonic(), str(json_body.get("next_action"))
        if now < self._away_until:
            metrics.action_failures.labels(name).inc()
            raise ActionServerAway("The action server does not answer now.")
        call = _Call(json_body)
        call[REQUEST_ID] = logs.request_id.get()
        call["tracker"] = _lean(json_body["tracker"], name)
        weakref.finalize(call, self._ended, id(json_body), now, name).atexit = False
        task = asyncio.current_task()
        if task is not None:
            # An exception may keep a call that failed at once alive for long: its task tells too.
            asyncio.get_running_loop().call_later(
                self.seconds * 0.95,
                self._overdue,
                id(json_body),
                weakref.ref(call),
                weakref.ref(task),
            )
        return call

    @hookimpl
    def prefixing_custom_actions_response(
        self, json_body: dict[str, Any], response: dict[str, Any]
    ) -> None:
        """Note that a call was answered."""
        self._answered.add(id(json_body))

    def _overdue(
        self, body: int, call: weakref.ref[_Call], task: weakref.ref[asyncio.Task[Any]]
    ) -> None:
        waiting = task()
        if waiting is None or waiting.done() or call() is None:
            return
        if body not in self._answered:
            self._away_until = time.monotonic() + self.seconds * 0.05 + self._rest

    def _ended(self, call: int, started: float, name: str) -> None:
        if call in self._answered:
            self._answered.discard(call)
            metrics.action_seconds.labels(name).observe(time.monotonic() - started)
        else:
            metrics.action_failures.labels(name).inc()


def guard_action_calls(seconds: float) -> ActionCalls:
    """Install the hooks in this process, once.

    Args:
        seconds: How long a call may take.
    """
    manager = plugin_manager()
    guard: ActionCalls | None = manager.get_plugin("stridewell")
    if guard is None:
        guard = ActionCalls(seconds)
        manager.register(guard, "stridewell")
    guard.seconds = seconds
    # Rasa waits five minutes and offers no setting for it; tests/scale checks that this holds.
    rasa_actions.DEFAULT_REQUEST_TIMEOUT = seconds
    rasa_actions.RemoteAction._validate_action_result = _check_response
    return guard


def _check_response(action: rasa_actions.RemoteAction, response: Any) -> bool:
    """See that an action server's response has the form that Rasa expects.

    Raises:
        jsonschema.ValidationError: It has not.
    """
    error = best_match(_RESPONSE.iter_errors(response))
    if error is not None:
        raise error
    return True


def _lean(tracker: dict[str, Any], action: str) -> dict[str, Any]:
    events = tracker.get("events") or ()
    if action in _READ_WHAT_WAS_ANSWERED:
        kept = [
            {name: event[name] for name in ("event", "metadata") if name in event}
            for event in events
            if event.get("event") in _TURNS
        ]
    else:
        kept = [
            _without_unread(event, "parse_data") if event.get("event") == "user" else event
            for event in events
            if event.get("event") != "user_featurization"
        ]
    return {**tracker, "events": kept}


def _without_unread(event: dict[str, Any], part: str) -> dict[str, Any]:
    parsed = event.get(part) or {}
    return {**event, part: {name: parsed[name] for name in parsed if name not in _UNREAD}}
