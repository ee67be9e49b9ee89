"""Checks of data/outside.yml: each subject stands under a topic that declines it."""

from __future__ import annotations

from collections.abc import Iterable

from stridewell.content.checks.names import did_you_mean
from stridewell.content.findings import Findings
from stridewell.content.located import Entry
from stridewell.content.project import Project
from stridewell.content.register import REGISTER_FILE
from stridewell.phrases import PhraseError, compile_phrase

OUTSIDE_FILE = "data/outside.yml"


def check_outside(project: Project, findings: Findings) -> None:
    """Check that subjects outside the articles lead to declined topics and can be read."""
    content = project.files.get(OUTSIDE_FILE)
    if content is None:
        return
    parts = content.mapping(OUTSIDE_FILE, findings)
    groups = {
        name: [str(word.value) for word in entry.sequence(name, findings)]
        for name, entry in (
            parts["groups"].mapping("groups", findings) if "groups" in parts else {}
        ).items()
    }
    topics = project.register.topics
    declined = {name for name, topic in topics.items() if not topic.answered}
    entries: dict[str, dict[str, Entry]] = {}
    for key in ("always", "outside", "only_sciatica"):
        entries[key] = parts[key].mapping(key, findings) if key in parts else {}
        if key not in parts:
            findings.add(
                content.place, f"the part '{key}' is missing. Write it, or restore it from git."
            )
    for key in ("always", "outside"):
        for topic, phrases in entries[key].items():
            _check_topic(topic, phrases, declined, "a declined", findings)
            _check_phrases(phrases.sequence(topic, findings), groups, findings)
    only = entries["only_sciatica"]
    for key in ("sciatica", "others"):
        if key in only:
            _check_phrases(only[key].sequence(key, findings), groups, findings)
    if "declined_by" in only:
        entry = only["declined_by"]
        _check_topic(str(entry.value), entry, declined, "a declined", findings)
    for entry in only["topics"].sequence("topics", findings) if "topics" in only else ():
        answered = set(topics) - declined
        _check_topic(str(entry.value), entry, answered, "an answered", findings)


def _check_topic(topic: str, entry: Entry, right: set[str], kind: str, findings: Findings) -> None:
    if topic not in right:
        findings.add(
            entry.place,
            f"{topic} is not {kind} topic of {REGISTER_FILE}. Move its subjects under one, or"
            f" correct the name.{did_you_mean(topic, right)}",
        )


def _check_phrases(
    phrases: Iterable[Entry], groups: dict[str, list[str]], findings: Findings
) -> None:
    for phrase in phrases:
        try:
            compile_phrase(str(phrase.value), groups)
        except PhraseError as error:
            findings.add(phrase.place, str(error))
