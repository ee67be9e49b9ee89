"""Names: what Rasa knows by itself, and the closest known name to a mistaken one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# What Rasa 3.6 knows without a word in the domain.
BUILT_IN_INTENTS = frozenset({"restart", "back", "session_start", "nlu_fallback"})
BUILT_IN_ACTIONS = frozenset(
    {
        "action_listen",
        "action_restart",
        "action_session_start",
        "action_default_fallback",
        "action_deactivate_loop",
        "action_revert_fallback_events",
        "action_default_ask_affirmation",
        "action_default_ask_rephrase",
        "action_two_stage_fallback",
        "action_unlikely_intent",
        "action_back",
        "action_extract_slots",
        "action_send_text",
    }
)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that names the closest known name, or nothing if none is close."""
    close = get_close_matches(name, [other for other in known if other != name], n=1, cutoff=0.8)
    return f" Did you mean {close[0]}?" if close else ""
