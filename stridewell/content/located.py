"""YAML with places: takes a file, hands on its values, each knowing its file and line.

PyYAML's nodes carry line marks; its constructed values do not. Words such as `no` and `off` stay
text, as they do for Rasa, which reads YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Union

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stridewell.content.findings import Findings, Place

Value = Union[str, int, float, bool, date, None, "dict[str, Entry]", "list[Entry]"]

_Base: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the C loader where PyYAML was built with it
    """The safe loader, knowing only `true` and `false` as truth values."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()  # type: ignore[attr-defined]
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class Entry:
    """A value and where it stands.

    Attributes:
        value: A scalar, a list of entries, or a mapping from key to entry.
        place: The line a person would look at: that of the key, or of the list item.
        text_line: For a literal block (`|`), the number of its first line of text.
    """

    value: Value
    place: Place
    text_line: int

    def mapping(self, what: str, findings: Findings) -> dict[str, Entry]:
        """Return the entries by key; if it is no mapping, note that and return none.

        Args:
            what: How to name this part in a finding.
            findings: Collects what is wrong.
        """
        if isinstance(self.value, dict):
            return self.value
        findings.add(self.place, f"{what} should hold `name: value` lines. {_INDENT}")
        return {}

    def sequence(self, what: str, findings: Findings) -> list[Entry]:
        """Return the items; if it is no list, note that and return none.

        Args:
            what: How to name this part in a finding.
            findings: Collects what is wrong.
        """
        if isinstance(self.value, list):
            return self.value
        findings.add(self.place, f"{what} should be a list, each item begun by `- `. {_INDENT}")
        return []

    def text(self, what: str, findings: Findings) -> str:
        """Return the text, stripped; if there is none, note that and return an empty one.

        Args:
            what: How to name this part in a finding.
            findings: Collects what is wrong.
        """
        if isinstance(self.value, str) and self.value.strip():
            return self.value.strip()
        if self.value is None or self.value == "":
            findings.add(self.place, f"{what} is empty. Write it after the colon.")
        else:
            findings.add(self.place, f"{what} should be text. Put it in quotes.")
        return ""

    def walk(self) -> Iterator[tuple[str, Entry]]:
        """Yield every key below this entry with its entry, outer ones first."""
        if isinstance(self.value, dict):
            for key, entry in self.value.items():
                yield key, entry
                yield from entry.walk()
        elif isinstance(self.value, list):
            for entry in self.value:
                yield from entry.walk()


_INDENT = "Check the indentation of the lines below it."


def read_yaml(root: Path, name: str, findings: Findings) -> Entry | None:
    """Read one YAML file.

    Args:
        root: The project's folder.
        name: The file's path below it.
        findings: Collects a missing file, a fault of the YAML and keys that stand twice.

    Returns:
        The file's content, or None if it is missing, empty or unreadable.
    """
    try:
        text = (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        findings.add(Place(name, 1), "the file is missing. Write it, or restore it from git.")
        return None
    except (OSError, UnicodeDecodeError) as error:
        findings.add(Place(name, 1), f"the file cannot be read ({error}). Save it as UTF-8 text.")
        return None
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            findings.add(Place(name, 1), "the file is empty. Fill it, or remove it.")
            return None
        return _Reading(name, findings).entry(node, _line(node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        reason = " ".join(filter(None, (error.context, error.problem)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = 1
        reason = " ".join(str(error).split())
    findings.add(
        Place(name, line),
        f"the YAML cannot be read from here on: {reason}. Look for a missing quote or colon, or a"
        " wrong indentation, in this line and the one before.",
    )
    return None


class _Reading:
    """Turns the nodes of one file into entries."""

    def __init__(self, name: str, findings: Findings) -> None:
        self._name = name
        self._findings = findings
        self._constructor = SafeConstructor()

    def entry(self, node: Node, line: int) -> Entry:
        value: Value
        if isinstance(node, MappingNode):
            value = self._mapping(node)
        elif isinstance(node, SequenceNode):
            value = [self.entry(item, _line(item)) for item in node.value]
        elif isinstance(node, ScalarNode):
            value = self._scalar(node)
        else:  # PyYAML has no fourth kind of node
            raise TypeError(f"unknown kind of YAML node: {type(node).__name__}")
        return Entry(value, Place(self._name, line), _line(node) + 1)

    def _mapping(self, node: MappingNode) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), _line(key_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                parts = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
                for part in reversed(parts):
                    merged.update(self._mapping(part))
                continue
            if key in entries:
                self._findings.add(
                    Place(self._name, line),
                    f"'{key}' stands here and already in line {entries[key].place.line}."
                    " Keep one of the two.",
                )
                continue
            entries[key] = self.entry(value_node, line)
        return {**merged, **entries}

    def _scalar(self, node: ScalarNode) -> Value:
        try:
            value = self._constructor.construct_object(node)
        except (ConstructorError, ValueError):
            return str(node.value)  # an unknown tag or an impossible date: kept as written
        if value is None or isinstance(value, (str, int, float, bool, date)):
            return value
        return str(node.value)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
