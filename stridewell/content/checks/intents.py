"""Checks of the intents: each belongs somewhere, and has enough examples of its own."""

from __future__ import annotations

from stridewell.content.checks.names import BUILT_IN_INTENTS, did_you_mean
from stridewell.content.domain import DOMAIN_FILE
from stridewell.content.examples import Example
from stridewell.content.findings import Findings, Place
from stridewell.content.limits import Limits
from stridewell.content.project import Project
from stridewell.content.register import REGISTER_FILE


def check_intents(project: Project, limits: Limits, findings: Findings) -> None:
    """Check that each intent of the domain is a topic, or small talk with examples and a rule."""
    topics = project.register.topics
    in_rules = {intent for rule in project.rules for intent in rule.intents()}
    files = {block.intent: block.place.file for block in project.blocks}
    for intent, place in project.domain.intents.items():
        if intent in topics:
            continue
        if files.get(intent, limits.conversation_file) != limits.conversation_file:
            findings.add(
                place,
                f"{intent} is not in the register. Add it under 'topics:' of {REGISTER_FILE}, or,"
                f" if it is small talk, move its examples to {limits.conversation_file}."
                f"{did_you_mean(intent, topics)}",
            )
            continue
        if intent not in files and intent not in BUILT_IN_INTENTS:
            findings.add(
                place,
                f"{intent} has no examples. Write at least {limits.conversation_examples} in"
                f" {limits.conversation_file}, or remove the intent.",
            )
        if intent not in in_rules:
            findings.add(
                place,
                f"{intent} has no rule and no story, so nothing follows it."
                " Add a rule to data/rules/conversation.yml.",
            )


def check_examples(project: Project, limits: Limits, findings: Findings) -> None:
    """Check number, uniqueness and intent of the examples."""
    first_place: dict[str, Place] = {}
    counts: dict[str, int] = {}
    seen: dict[str, tuple[str, Example]] = {}
    for block in project.blocks:
        intent = block.intent
        counts[intent] = counts.get(intent, 0) + len(block.examples)
        if intent in first_place:
            findings.add(
                block.place,
                f"{intent} has examples here and already in {first_place[intent]}."
                " Keep them together in one block.",
            )
        elif intent not in project.domain.intents and intent not in BUILT_IN_INTENTS:
            findings.add(
                block.place,
                f"{intent} is not an intent of {DOMAIN_FILE}. Add it under 'intents:',"
                f" or correct the name.{did_you_mean(intent, project.domain.intents)}",
            )
        first_place.setdefault(intent, block.place)
        for example in block.examples:
            _check_example(intent, example, seen, findings)
    for intent, place in first_place.items():
        least = limits.least_examples(project.register.topics.get(intent))
        if counts[intent] < least:
            findings.add(
                place,
                f"{intent} has {counts[intent]} examples; it needs at least {least}."
                f" Write {least - counts[intent]} more, each in other words.",
            )


def _check_example(
    intent: str, example: Example, seen: dict[str, tuple[str, Example]], findings: Findings
) -> None:
    text = example.normalized
    if example.text.startswith("/"):
        findings.add(
            example.place,
            f"'{example.text}' begins with '/', which skips the understanding. Remove the example.",
        )
    elif text not in seen:
        seen[text] = (intent, example)
    else:
        other_intent, other = seen[text]
        if other_intent == intent:
            what = f"stands twice in {intent}: here and in {other.place}. Remove one."
        else:
            what = (
                f"is an example of {intent} here and of {other_intent} in {other.place}."
                " Keep it in the one it belongs to."
            )
        findings.add(example.place, f"'{example.text}' {what}")
