"""Checks of actions, rules and stories: names in them, in the domain and in code are in step."""

from __future__ import annotations

from stridewell.content.checks.names import BUILT_IN_ACTIONS, BUILT_IN_INTENTS, did_you_mean
from stridewell.content.domain import DOMAIN_FILE
from stridewell.content.findings import Findings, Place
from stridewell.content.project import Project


def check_actions(project: Project, findings: Findings) -> None:
    """Check that each action of the domain stands in code by its name."""
    for action, place in project.domain.actions.items():
        if action not in project.named_in_code | BUILT_IN_ACTIONS:
            findings.add(
                place,
                f"{action} stands in no code. Write it in the folder 'actions', or correct the"
                f" name.{did_you_mean(action, project.named_in_code)}",
            )


def check_rules(project: Project, findings: Findings) -> None:
    """Check that rules and stories name intents, actions and responses that exist."""
    domain = project.domain
    intents = BUILT_IN_INTENTS.union(domain.intents)
    actions = BUILT_IN_ACTIONS.union(domain.actions, domain.forms)
    names: dict[tuple[bool, str], Place] = {}
    for rule in project.rules:
        first = names.setdefault((rule.is_rule, rule.name), rule.place)
        if first != rule.place:
            findings.add(
                rule.place,
                f"'{rule.name}' is also the name of the one in {first}. Give each its own.",
            )
        for step in rule.steps:
            if step.kind == "intent" and step.name and step.name not in intents:
                findings.add(
                    step.place,
                    f"{step.name} is not an intent of {DOMAIN_FILE}. Add it under 'intents:',"
                    f" or correct the name.{did_you_mean(step.name, intents)}",
                )
            elif step.kind != "action" or not step.name or step.name in actions:
                continue
            elif step.name.startswith("utter_") and step.name not in domain.responses:
                findings.add(
                    step.place,
                    f"{step.name} is not a response of {DOMAIN_FILE}. Add it under 'responses:',"
                    f" or correct the name.{did_you_mean(step.name, domain.responses)}",
                )
            elif not step.name.startswith("utter_"):
                findings.add(
                    step.place,
                    f"{step.name} is not an action of {DOMAIN_FILE}. Add it under 'actions:',"
                    f" or correct the name.{did_you_mean(step.name, actions)}",
                )
