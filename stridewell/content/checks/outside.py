"""Checks of data/outside.yml: each subject stands under a topic that declines it."""

from __future__ import annotations

from stridewell.content.checks.names import did_you_mean
from stridewell.content.findings import Findings
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
    declined = {name for name, topic in project.register.topics.items() if not topic.answered}
    for key in ("always", "outside"):
        if key not in parts:
            findings.add(
                content.place, f"the part '{key}' is missing. Write it, or restore it from git."
            )
            continue
        for topic, phrases in parts[key].mapping(key, findings).items():
            if topic not in declined:
                findings.add(
                    phrases.place,
                    f"{topic} is not a declined topic of {REGISTER_FILE}. Move its subjects under"
                    f" one, or correct the name.{did_you_mean(topic, declined)}",
                )
            for phrase in phrases.sequence(topic, findings):
                try:
                    compile_phrase(str(phrase.value), groups)
                except PhraseError as error:
                    findings.add(phrase.place, str(error))
