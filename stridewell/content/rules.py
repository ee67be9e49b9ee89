"""Rules and stories: takes the parsed files of data/, hands on their steps with places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stridewell.content.findings import Findings, Place
from stridewell.content.located import Entry


@dataclass(frozen=True)
class Step:
    """One step of a rule or story.

    Attributes:
        kind: The key it stands under, such as `intent`, `action` or `slot_was_set`.
        name: The intent or action; empty for other kinds.
        place: Where it stands.
    """

    kind: str
    name: str
    place: Place


@dataclass(frozen=True)
class Rule:
    """A rule or story.

    Attributes:
        name: Its title.
        steps: Its steps in order; the branches of an `or` follow one another.
        place: Where it stands.
        is_rule: False for a story.
    """

    name: str
    steps: tuple[Step, ...]
    place: Place
    is_rule: bool

    def intents(self) -> frozenset[str]:
        """Return the intents it waits for."""
        return frozenset(step.name for step in self.steps if step.kind == "intent")

    def follows(self, intent: str) -> str | None:
        """Return the first action taken after an intent, or None if there is none."""
        names = [step.name for step in self.steps if step.kind == "intent"]
        if intent not in names:
            return None
        at = next(i for i, step in enumerate(self.steps) if step.name == intent)
        return next((step.name for step in self.steps[at:] if step.kind == "action"), None)


def read_rules(sources: Iterable[Entry], findings: Findings) -> list[Rule]:
    """Read what stands below `rules:` and `stories:`.

    Args:
        sources: The parsed files of data/, training data or not.
        findings: Collects what is of a wrong kind.

    Returns:
        Rules and stories in the order of the files.
    """
    found = []
    for source in sources:
        parts = source.value if isinstance(source.value, dict) else {}
        for key, title in (("rules", "rule"), ("stories", "story")):
            part = parts.get(key)
            if part is None or part.value is None:
                continue
            for item in part.sequence(f"'{key}'", findings):
                fields = item.mapping(f"a {title}", findings)
                if title not in fields:
                    findings.add(item.place, f"this {title} has no name. Begin it '- {title}: '.")
                name = str(fields[title].value) if title in fields else ""
                if "steps" not in fields:
                    findings.add(item.place, f"the {title} '{name}' has no steps. Add them.")
                    continue
                steps = tuple(_steps(name, fields["steps"], findings))
                found.append(Rule(name, steps, item.place, is_rule=title == "rule"))
    return found


def _steps(name: str, source: Entry, findings: Findings) -> Iterator[Step]:
    for item in source.sequence(f"the steps of '{name}'", findings):
        for key, entry in item.mapping(f"a step of '{name}'", findings).items():
            if key == "or":
                yield from _steps(name, entry, findings)
            elif key in ("intent", "action"):
                yield Step(key, entry.text(f"{key} in '{name}'", findings), entry.place)
            else:
                yield Step(key, "", entry.place)
