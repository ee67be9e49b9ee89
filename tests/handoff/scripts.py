"""Reads the scripted conversations in `data`: a file in, a conversation and its summary out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from actions.register import register
from stridewell.handoff.contact import Contact
from stridewell.handoff.conversation import read_conversation
from stridewell.handoff.settings import SiteSettings
from stridewell.handoff.summary import Edits, Summary, build_summary

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.yml"))


@dataclass(frozen=True)
class Script:
    """A conversation and the summary that belongs to it, word for word."""

    summary: Summary
    expected: str


def read_script(name: str) -> Script:
    """Read a script."""
    content = yaml.safe_load((DATA / f"{name}.yml").read_text(encoding="utf-8"))
    written = _seconds(content["written_at"], "")
    day = datetime.fromtimestamp(written, timezone.utc).date().isoformat()
    contact = content.get("contact")
    summary = build_summary(
        read_conversation([_event(step, day) for step in content["events"]]),
        register(),
        SiteSettings(**content.get("site", {})),
        written,
        Edits(frozenset(content.get("left_out", ())), content.get("corrections", {})),
        content.get("note", ""),
        Contact(**contact) if contact else None,
    )
    return Script(summary, content.get("summary", ""))


def _seconds(at: Any, day: str) -> float:
    if isinstance(at, datetime):
        return at.replace(tzinfo=at.tzinfo or timezone.utc).timestamp()
    text = at if "T" in at else f"{day}T{at}:00Z"
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _event(step: dict[str, Any], day: str) -> dict[str, Any]:
    event: dict[str, Any] = {"timestamp": _seconds(step["at"], day)}
    if "user" in step:
        parsed = {"intent": {"name": step["intent"]}, "safety": step.get("safety")}
        return {**event, "event": "user", "text": step["user"], "parse_data": parsed}
    if "bot" in step:
        metadata = {"utter_action": step["bot"]}
        if "topic" in step:
            metadata["metadata"] = {"topic": step["topic"]}
        return {**event, "event": "bot", "text": "", "metadata": metadata}
    if "action" in step:
        return {**event, "event": "action", "name": step["action"]}
    return {**event, "event": "active_loop", "name": step["loop"]}
